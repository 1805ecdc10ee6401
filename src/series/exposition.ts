/**
 * Renders the series in the text format 0.0.4.
 *
 * Own and not the metrics library's: the labels' bytes are made once per series and copied, an
 * answer is made in blocks with room for others in between, and OpenMetrics, which would rename
 * the counter to `falco_events_total`, is never offered.
 */
import type { Counts, Series } from './counts.js'
import type { Showing } from './scrapers.js'

/** Some hundred lines: few enough blocks, and no long hold of the event loop. */
const BLOCK_BYTES = 120 * 1024
/** More than a usual line takes. Few series get a small block: what each scrape allocates is garbage. */
const LINE_BYTES = 256
/** More than a number takes, with the blank before it and the end of the line. */
const NUMBER_BYTES = 32

const EVENTS = Buffer.from('falco_events')
const EVENTS_HEAD = `# HELP falco_events Alerts of the watched hosts, by rule and by where they happened.
# TYPE falco_events counter
`
const LAST_SEEN = Buffer.from('falco_event_last_seen_timestamp_seconds')
const LAST_SEEN_HEAD = `# HELP falco_event_last_seen_timestamp_seconds When the newest alert of this series reached the exporter.
# TYPE falco_event_last_seen_timestamp_seconds gauge
`

/** Whether all series are a block at most. */
export function isBrief(counts: Counts): boolean {
  return counts.size * LINE_BYTES <= BLOCK_BYTES
}

/** Gives a block of at least that many bytes. */
export type Blocks = (bytes: number) => Buffer

/** A new one each time. */
export const newBlocks: Blocks = (bytes) => Buffer.allocUnsafe(bytes)

/** The same one again, which is good until the next one is asked for. */
export function createOneBlock(): Blocks {
  let kept = Buffer.alloc(0)
  return (bytes) => {
    if (kept.length < bytes) kept = Buffer.allocUnsafe(bytes)
    return kept
  }
}

export function* renderSeries(counts: Counts, showing: Showing, blocks: Blocks): Generator<Buffer> {
  const usual = Math.min(BLOCK_BYTES, counts.size * LINE_BYTES)
  const allocate: Blocks = (least) => blocks(Math.max(least, usual))
  yield Buffer.from(EVENTS_HEAD)
  yield* renderFamily(EVENTS, counts, showing, allocate, (series) =>
    showing.showsBase(series) ? series.base : series.count,
  )
  yield Buffer.from(LAST_SEEN_HEAD)
  yield* renderFamily(
    LAST_SEEN,
    counts,
    showing,
    allocate,
    (series) => series.lastSeenMilliseconds / 1000,
  )
}

function* renderFamily(
  name: Buffer,
  counts: Counts,
  { lastBirth }: Showing,
  allocate: Blocks,
  toValue: (series: Series) => number,
): Generator<Buffer> {
  let block = allocate(0)
  let at = 0
  for (const series of counts.all()) {
    // In order of birth: the rest was born after this answer began.
    if (series.birth > lastBirth) break
    const { labelBytes } = series
    const length = name.length + labelBytes.length + NUMBER_BYTES
    if (at + length > block.length) {
      if (at > 0) yield block.subarray(0, at)
      block = allocate(length)
      at = 0
    }
    block.set(name, at)
    block.set(labelBytes, at + name.length)
    at = writeNumber(block, at + name.length + labelBytes.length, toValue(series))
  }
  if (at > 0) yield block.subarray(0, at)
}

/** ` 12\n`; gives back where it ends. */
function writeNumber(block: Buffer, start: number, value: number): number {
  const text = String(value)
  let at = start
  block[at++] = 0x20
  for (let index = 0; index < text.length; index++) block[at++] = text.charCodeAt(index)
  block[at++] = 0x0a
  return at
}
