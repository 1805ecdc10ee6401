/**
 * What Loki says of entries that lie too far behind the newest of their log stream.
 *
 * It names the first few of a log stream to the nanosecond, each with the oldest time that the
 * stream took then. That time only grows, so whatever stands behind a named entry in the push and
 * is older was refused as well, named or not.
 */
import { parseSeconds } from './rfc3339.js'

/** An entry of a push. */
export interface Timed {
  /** Of its log stream, as JSON. */
  readonly labels: string
  readonly nanoseconds: bigint
}

export interface RefusedBehind {
  readonly named: readonly Named[]
  /** Of the log stream, sorted; undefined where the answer does not tell all of them. */
  readonly labels: string | undefined
  /** False where Loki has split the log stream, so that others of its entries may be stored. */
  readonly isWhole: boolean
  /** Entries of the log stream that it looked at, where it has refused them all. */
  readonly allOf: number | undefined
}

interface Named {
  readonly nanoseconds: bigint
  readonly oldestNanoseconds: bigint
}

/**
 * `refused` for good by that time; `stored`, most likely, where it is an entry of the same push
 * further on that made it too late, as when a push is repeated whose answer was lost. In a log
 * stream that others push to as well it may be theirs, of the same second; that cannot be told.
 */
export interface Behind {
  readonly kind: 'refused' | 'stored'
  readonly labels: string
  /** What its log stream takes once all of the push is there; a second more may be needed. */
  readonly oldestNanoseconds: bigint
}

/** Half of Loki's `max_chunk_age`, by default. */
export const BEHIND_LIMIT_NANOSECONDS = 3_600_000_000_000n
const SECOND = 1_000_000_000n

const NAMED =
  /entry with timestamp (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC ignored, reason: 'entry too far behind[^']*oldest acceptable timestamp is: ([^' ,]+)/g
const STREAM = /for stream: (\{.*\}),?$/m
const TOTAL = /total ignored: (\d{1,9}) out of (\d{1,9})/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)=("(?:[^"\\]|\\.)*")/g

/** Undefined where the answer complains of none. */
export function toRefusedBehind(text: string): RefusedBehind | undefined {
  const named: Named[] = []
  for (const [, date = '', clock = '', fraction = '', oldest = ''] of text.matchAll(NAMED)) {
    const seconds = parseSeconds(`${date}T${clock}Z`)
    const oldestNanoseconds = parseSeconds(oldest)
    if (seconds === undefined || oldestNanoseconds === undefined) continue
    const nanoseconds = seconds + BigInt(fraction.padEnd(9, '0'))
    named.push({ nanoseconds, oldestNanoseconds })
  }
  if (named.length === 0) return undefined
  const labels = toLabels(STREAM.exec(text)?.[1] ?? '')
  const own = labels?.filter(([name]) => !name.startsWith('__'))
  const isWhole = own !== undefined && own.length === labels?.length
  const [, ignored, all] = TOTAL.exec(text) ?? []
  const allOf = all === ignored && all !== undefined ? Number(all) : undefined
  return { named, labels: own === undefined ? undefined : toSorted(own), isWhole, allOf }
}

/**
 * By place in the push; undefined for an entry that was not surely refused now. `isKnown` tells of
 * the time of an entry whether it may have been pushed with it before.
 */
export function findBehind(
  { named, labels, isWhole, allOf }: RefusedBehind,
  all: readonly Timed[],
  isKnown: (nanoseconds: bigint) => boolean,
): readonly (Behind | undefined)[] {
  const found = new Array<Behind | undefined>(all.length)
  const isOfStream = createLookup(labels)
  const newestOf = createNewest(all)
  const isAll = isWhole && all.filter((entry) => isOfStream(entry.labels)).length === allOf
  /** Where a named entry stands. */
  const findNamed = (nanoseconds: bigint): number | undefined => {
    const same = [...all.keys()].filter(
      (index) => all[index]?.nanoseconds === nanoseconds && isOfStream(all[index].labels),
    )
    const times = named.filter((other) => other.nanoseconds === nanoseconds).length
    if (times >= same.length || isAll) return same[0]
    // Of more of one time the last: earlier ones may have stood there when they were not late.
    return isWhole ? same.at(-times) : undefined
  }
  for (const { nanoseconds, oldestNanoseconds } of named) {
    const first = findNamed(nanoseconds)
    if (first === undefined) continue
    const newest = oldestNanoseconds + BEHIND_LIMIT_NANOSECONDS
    const cause = all.findLastIndex(
      (entry) =>
        entry.nanoseconds >= newest &&
        entry.nanoseconds < newest + SECOND &&
        isOfStream(entry.labels),
    )
    for (let index = first; index < all.length; index++) {
      const entry = all[index]
      if (entry === undefined || found[index] !== undefined || !isOfStream(entry.labels)) continue
      const isLate = entry.nanoseconds < oldestNanoseconds || entry.nanoseconds <= nanoseconds
      if (index > first && !(isWhole && isLate)) continue
      const isThere = cause > index && isKnown(entry.nanoseconds)
      const kind = isThere ? 'stored' : 'refused'
      const own = newestOf(entry.labels) - BEHIND_LIMIT_NANOSECONDS
      const oldest = own > oldestNanoseconds ? own : oldestNanoseconds
      found[index] = { kind, labels: entry.labels, oldestNanoseconds: oldest }
    }
  }
  return found
}

/** The newest time of a log stream's entries. */
function createNewest(all: readonly Timed[]): (labels: string) => bigint {
  const newest = new Map<string, bigint>()
  for (const { labels, nanoseconds } of all) {
    const before = newest.get(labels)
    if (before === undefined || nanoseconds > before) newest.set(labels, nanoseconds)
  }
  return (labels) => newest.get(labels) ?? 0n
}

type Pairs = readonly (readonly [name: string, value: string])[]

/** As Loki writes them, `{a="b", c="d"}`; undefined of a text that is none. */
function toLabels(text: string): Pairs | undefined {
  const pairs = Array.from(text.matchAll(LABEL), ([, name = '', quoted = '']) => {
    const value = parseText(quoted)
    return value === undefined ? undefined : ([name, value] as const)
  })
  const known = pairs.filter((pair) => pair !== undefined)
  return known.length === 0 || known.length < pairs.length ? undefined : known
}

/** Go quotes printable text as JSON does. */
function parseText(quoted: string): string | undefined {
  try {
    const value: unknown = JSON.parse(quoted)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

function toSorted(labels: Pairs): string {
  return JSON.stringify([...labels].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Whether labels in JSON are these; whichever where they are not known. */
function createLookup(labels: string | undefined): (json: string) => boolean {
  const known = new Map<string, boolean>()
  return (json) => {
    if (labels === undefined) return true
    const before = known.get(json)
    if (before !== undefined) return before
    const parsed: unknown = JSON.parse(json)
    const isSame =
      typeof parsed === 'object' &&
      parsed !== null &&
      toSorted(Object.entries(parsed).map(([name, value]) => [name, String(value)])) === labels
    known.set(json, isSame)
    return isSame
  }
}
