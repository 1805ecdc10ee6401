/**
 * Renders the series in the text format 0.0.4.
 *
 * Own and not the metrics library's: the label text is made once per series, an answer is
 * given out in blocks while the client takes them, and OpenMetrics, which would rename the
 * counter to `falco_events_total`, is never offered.
 */
import type { Counts, Series } from './counts.js'
import type { Showing } from './scrapers.js'

/** About 60 KB a block: few enough chunks, and no long hold of the event loop. */
const BLOCK_LINES = 256

const EVENTS_HEAD = `# HELP falco_events Alerts of the watched hosts, by rule and by where they happened.
# TYPE falco_events counter
`
const LAST_SEEN_HEAD = `# HELP falco_event_last_seen_timestamp_seconds When the newest alert of this series reached the exporter.
# TYPE falco_event_last_seen_timestamp_seconds gauge
`

export function* renderSeries(counts: Counts, showing: Showing): Generator<string> {
  yield EVENTS_HEAD
  yield* blocks(counts, showing, ({ labelText, base, count }, isFirst) => {
    return `falco_events${labelText} ${isFirst ? base : count}\n`
  })
  yield LAST_SEEN_HEAD
  yield* blocks(counts, showing, ({ labelText, lastSeenMilliseconds }) => {
    return `falco_event_last_seen_timestamp_seconds${labelText} ${lastSeenMilliseconds / 1000}\n`
  })
}

function* blocks(
  counts: Counts,
  showing: Showing,
  toLine: (series: Series, isFirst: boolean) => string,
): Generator<string> {
  let block = ''
  let lines = 0
  for (const series of counts.all()) {
    // In order of birth: the rest was born after this answer began.
    if (series.birth > showing.lastBirth) break
    block += toLine(series, showing.showsBase(series))
    if (++lines % BLOCK_LINES === 0) {
      yield block
      block = ''
    }
  }
  yield block
}
