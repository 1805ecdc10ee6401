/**
 * What Loki says of times: how far its clock is from ours, and which entries it refused for theirs.
 *
 * An entry may only get another time when it was surely refused, or Loki would hold it twice. Loki
 * names refused entries to the second, and of many only some; but what is as new as one that is
 * too new was refused as well, and what is older than the oldest acceptable time, too. Those that
 * are only too old for their log stream are in behind.ts.
 */
import {
  BEHIND_LIMIT_NANOSECONDS,
  findBehind,
  toRefusedBehind,
  type Behind,
  type RefusedBehind,
  type Timed,
} from './behind.js'

export interface RefusedTimes {
  /** The second in which the oldest entry lies that is named as too new. */
  readonly tooNewNanoseconds: bigint | undefined
  readonly tooNewCount: number
  /** What lies before this is too old. */
  readonly oldestNanoseconds: bigint | undefined
  readonly behind: RefusedBehind | undefined
}

const SECOND = 1_000_000_000n
const TIME = '(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:Z|[+-]\\d\\d:\\d\\d))'
const TOO_NEW = new RegExp(
  `(?:(\\d{1,9}) errors like: )?entry for stream '[^']*' has timestamp too new: ${TIME}`,
  'g',
)
const OLDEST = new RegExp(
  `has timestamp too old: [^,]*, oldest acceptable timestamp is: ${TIME}`,
  'g',
)

/** Undefined where the answer complains of no time. */
export function toRefusedTimes(text: string): RefusedTimes | undefined {
  let tooNewNanoseconds: bigint | undefined
  let tooNewCount = 0
  for (const [, count, time = ''] of text.matchAll(TOO_NEW)) {
    const at = toNanoseconds(time)
    tooNewCount += Number(count ?? 1)
    if (tooNewNanoseconds === undefined || at < tooNewNanoseconds) tooNewNanoseconds = at
  }
  let oldestNanoseconds: bigint | undefined
  for (const [, time = ''] of text.matchAll(OLDEST)) {
    const at = toNanoseconds(time)
    if (oldestNanoseconds === undefined || at < oldestNanoseconds) oldestNanoseconds = at
  }
  const behind = toRefusedBehind(text)
  if ((tooNewNanoseconds ?? oldestNanoseconds ?? behind) === undefined) return undefined
  return { tooNewNanoseconds, tooNewCount, oldestNanoseconds, behind }
}

/** Loki's default `creation_grace_period`, and what its `Date` and the way may be off. */
const GRACE_NANOSECONDS = 605n * SECOND
/** The window's beginning moves on until the push. */
const OLD_MARGIN_NANOSECONDS = 300n * SECOND

/** A log stream's newest entry moves on until the push. */
const BEHIND_MARGIN_NANOSECONDS = 600n * SECOND

/**
 * By place in the push: the time to give instead; `stored` for an entry that was refused now and is
 * there already; undefined for one that may have been stored now.
 */
export type Retime = (all: readonly Timed[]) => readonly (bigint | 'stored' | undefined)[]

export interface RetimeOptions {
  readonly lokiMilliseconds: number
  /** Whether an entry of this time may have been pushed with it before. */
  readonly isKnown: (nanoseconds: bigint) => boolean
  /** Told of log streams whose newest entry was not known here. */
  readonly learned: (labels: string, oldestNanoseconds: bigint) => void
}

export function createRetime(
  { tooNewNanoseconds: tooNew, tooNewCount, oldestNanoseconds: oldest, behind }: RefusedTimes,
  { lokiMilliseconds, isKnown, learned }: RetimeOptions,
): Retime {
  const now = BigInt(Math.round(lokiMilliseconds)) * 1_000_000n
  const toTime = (time: bigint, isAllNamed: boolean): bigint | undefined => {
    if (oldest !== undefined && time < oldest) return oldest + OLD_MARGIN_NANOSECONDS
    if (tooNew === undefined || time < tooNew) return undefined
    const isSure = isAllNamed || time >= tooNew + SECOND || time > now + GRACE_NANOSECONDS
    return isSure ? now : undefined
  }
  return (all) => {
    // Within the second that is named, the limit may lie between two entries.
    const isAllNamed =
      tooNew !== undefined &&
      all.filter(({ nanoseconds }) => nanoseconds >= tooNew).length === tooNewCount
    const late = behind === undefined ? [] : findBehind(behind, all, isKnown)
    for (const stream of late) {
      if (stream?.kind === 'refused') learned(stream.labels, stream.oldestNanoseconds)
    }
    const given = all.map(({ nanoseconds }, index) => {
      const stream = late[index]
      if (stream === undefined) return toTime(nanoseconds, isAllNamed)
      return stream.kind === 'refused' ? toLateTime(stream, now) : stream.kind
    })
    const floorOf = createFloor(all.filter((_, index) => given[index] === undefined))
    // A nanosecond apart, so that they keep their order, and an answer can name each.
    return given.map((time, index) =>
      typeof time === 'bigint' ? max(time, floorOf(all[index])) + BigInt(index) : time,
    )
  }
}

/** What lies before this would be too far behind the entries that keep their time. */
function createFloor(staying: readonly Timed[]): (entry: Timed | undefined) => bigint {
  const newest = new Map<string, bigint>()
  for (const { labels, nanoseconds } of staying) {
    newest.set(labels, max(nanoseconds, newest.get(labels) ?? 0n))
  }
  return (entry) =>
    (newest.get(entry?.labels ?? '') ?? 0n) - BEHIND_LIMIT_NANOSECONDS + BEHIND_MARGIN_NANOSECONDS
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** No further into the future than needed, where a log stream's chunks are short. */
function toLateTime({ oldestNanoseconds }: Behind, now: bigint): bigint {
  const wanted = oldestNanoseconds + BEHIND_MARGIN_NANOSECONDS
  const least = oldestNanoseconds + SECOND
  if (wanted <= now) return wanted
  return least > now ? least : now
}

/** How far Loki's clock was ahead of ours, and when that was found by clocks of two kinds. */
export interface Offset {
  readonly milliseconds: number
  readonly wallMilliseconds: number
  readonly monotonicMilliseconds: number
}

/** The offset, until our own clock is set: then nothing is known of Loki's, and 0 is as good. */
export function toOffsetNow(
  offset: Offset | undefined,
  wallMilliseconds: number,
  monotonicMilliseconds: number,
): number {
  if (offset === undefined) return 0
  const wall = wallMilliseconds - offset.wallMilliseconds
  const monotonic = monotonicMilliseconds - offset.monotonicMilliseconds
  return Math.abs(wall - monotonic) < LEAST_OFFSET_MILLISECONDS ? offset.milliseconds : 0
}

/** A `Date` has whole seconds, so a smaller difference is none. */
const LEAST_OFFSET_MILLISECONDS = 3_000
/** The answer's way back may have been any part of it. */
const QUICK_MILLISECONDS = 10_000

/** By how much Loki's clock is ahead; undefined where the answer does not tell. */
export function toOffset(
  dateMilliseconds: number | undefined,
  sentMilliseconds: number,
  answeredMilliseconds: number,
): number | undefined {
  const took = answeredMilliseconds - sentMilliseconds
  // Less than nothing: our clock was set meanwhile.
  if (dateMilliseconds === undefined || took < 0 || took > QUICK_MILLISECONDS) return undefined
  const offset = dateMilliseconds + 500 - answeredMilliseconds
  return Math.abs(offset) < LEAST_OFFSET_MILLISECONDS + took ? 0 : offset
}

function toNanoseconds(time: string): bigint {
  return BigInt(Date.parse(time)) * 1_000_000n
}
