/**
 * Sorts what daemons delivered: what is new, what was there before, what is missing.
 *
 * Exactly once rests on one rule: of one stream, only a sequence above the last kept one is new.
 */
import type { Alert, Gap, InvalidReason, Position } from '../alert.js'
import type { Delivery } from '../subscribe/index.js'

/** The last position of each daemon, and the highest sequence of each stream among them. */
export interface Positions {
  of(daemon: string): Position | undefined
  /** Undefined of a stream that nobody has a position in. */
  highest(streamId: string): bigint | undefined
  set(daemon: string, position: Position): void
}

export function createPositions(kept: ReadonlyMap<string, Position>): Positions {
  const positions = new Map(kept)
  const highest = (streamId: string): bigint | undefined => {
    let found: bigint | undefined
    for (const position of positions.values()) {
      if (position.streamId !== streamId) continue
      if (found === undefined || position.sequence > found) found = position.sequence
    }
    return found
  }
  return {
    of: (daemon) => positions.get(daemon),
    highest,
    set: (daemon, position) => positions.set(daemon, position),
  }
}

export interface Sifted {
  readonly detections: readonly Alert[]
  readonly notices: readonly Alert[]
  readonly gaps: readonly Gap[]
  /** By reason: how many, and how the last one began. */
  readonly invalid: ReadonlyMap<InvalidReason, { readonly count: number; readonly sample: string }>
  readonly duplicates: number
  /** Where each daemon stands once all this is kept. */
  readonly positions: ReadonlyMap<string, Position>
}

type Given = Delivery['alerts'][number]
type Highest = Positions['highest']

export function sift(deliveries: readonly Delivery[], positions: Positions): Sifted {
  const detections: Alert[] = []
  const notices: Alert[] = []
  const gaps: Gap[] = []
  const invalid = new Map<InvalidReason, { count: number; sample: string }>()
  const moved = new Map<string, Position>()
  const reached = new Map<string, bigint | undefined>()
  let duplicates = 0

  const highest: Highest = (streamId) => {
    if (!reached.has(streamId)) reached.set(streamId, positions.highest(streamId))
    return reached.get(streamId)
  }
  const advance = (daemon: string, position: Position): void => {
    const { streamId, sequence } = position
    if (isBehind(position, highest)) reached.set(streamId, sequence)
    const at = moved.get(daemon) ?? positions.of(daemon)
    if (at?.streamId !== streamId || sequence > at.sequence) moved.set(daemon, position)
  }

  for (const { daemon, alerts, newest } of deliveries) {
    for (const alert of alerts) {
      const place = toPlace(alert, newest)
      const isNew = place === undefined || isBehind(place, highest)
      const jump = isNew ? toJump(alert, highest) : undefined
      if (jump !== undefined) gaps.push(jump)
      if (!isNew) duplicates++
      else if (alert.kind === 'invalid') {
        const count = (invalid.get(alert.reason)?.count ?? 0) + 1
        invalid.set(alert.reason, { count, sample: alert.sample ?? '' })
      } else if (alert.gap !== undefined) {
        notices.push(alert)
        gaps.push(alert.gap)
      } else if (alert.kind === 'notice') notices.push(alert)
      else detections.push(alert)
      if (place !== undefined) advance(daemon, place)
    }
  }
  return { detections, notices, gaps, invalid, duplicates, positions: moved }
}

/** True if the position lies behind everything known of its stream. */
function isBehind({ streamId, sequence }: Position, highest: Highest): boolean {
  const known = highest(streamId)
  return known === undefined || sequence > known
}

/**
 * Where an alert stands. A gap stands where its last missing alert would have stood, and says
 * so by its position; one without takes it from its numbers and the stream it came in.
 */
function toPlace(alert: Given, newest: Position | undefined): Position | undefined {
  if (alert.position !== undefined || alert.kind === 'invalid') return alert.position
  if (alert.gap === undefined || newest === undefined) return undefined
  return { streamId: newest.streamId, sequence: alert.gap.lastSequence }
}

/** Sequences grow by one: a jump that no gap announced is missing all the same. */
function toJump(alert: Given, highest: Highest): Gap | undefined {
  const { position } = alert
  const isGap = alert.kind !== 'invalid' && alert.gap !== undefined
  if (position === undefined || isGap) return undefined
  // Of a stream that nobody has a position in, the first sequence may be any.
  const before = highest(position.streamId)
  if (before === undefined || position.sequence <= before + 1n) return undefined
  const lastSequence = position.sequence - 1n
  return { firstSequence: before + 1n, lastSequence, reason: 'unannounced' }
}
