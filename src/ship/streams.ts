/**
 * Loki's log streams: which labels an alert gets, and which time it may have there.
 *
 * Few, bounded labels make log streams; everything else is structured metadata. `hostname` is a
 * label because Loki refuses what lies an hour behind the newest entry *of the same log stream*:
 * a node that catches up must not share one with the others.
 *
 * When more streams are in use than the limit, new ones give up the pod first and then the host
 * and namespace; what is given up stands in the metadata, where the same queries find it.
 */
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toLabelValue } from '../text.js'
import { toNamespace, toPod } from '../workload.js'
import { BEHIND_LIMIT_NANOSECONDS } from './behind.js'

export interface Placed {
  /** The log stream's labels as JSON, the same text for the same labels. */
  readonly labels: string
  /** Moved into what Loki takes. */
  readonly timeNanoseconds: bigint
  readonly isMoved: boolean
  /** What the labels gave up, as metadata. */
  readonly demoted: readonly (readonly [name: string, value: string])[]
}

export interface Streams {
  /** `nowMilliseconds` is the time of Loki's clock, as far as it is known. */
  place(alert: Alert, nowMilliseconds: number): Placed
  /** Loki takes nothing older in this log stream, whose newest entry is of somebody else. */
  learn(labels: string, oldestNanoseconds: bigint): void
  readonly inUse: number
  readonly demotions: number
  readonly moves: number
}

export interface StreamLimits {
  readonly streams: number
  /** How far back Loki takes entries, with a margin for the time until the push. */
  readonly windowMilliseconds: number
}

interface Stream {
  newest: bigint
  usedMilliseconds: number
}

const LABEL_LIMIT_BYTES = 256
/** Loki keeps a stream open for about this long after its last entry. */
const IN_USE_MILLISECONDS = 30 * 60_000
const SWEEP_MILLISECONDS = 10_000
/** Loki takes ten minutes into the future; its clock may be behind ours. */
const AHEAD_NANOSECONDS = 5n * 60_000_000_000n
/** Loki refuses what is an hour behind the newest of the stream. */
/** A millisecond's, within which each has a time of its own. */
const MOVES_APART = 1_000_000
const BEHIND_NANOSECONDS = 50n * 60_000_000_000n

export function createStreams({ streams: limit, windowMilliseconds }: StreamLimits): Streams {
  const streams = new Map<string, Stream>()
  const window = BigInt(windowMilliseconds) * 1_000_000n
  let demotions = 0
  let moves = 0
  let sweptMilliseconds = 0

  function hasRoom(nowMilliseconds: number): boolean {
    if (streams.size < limit) return true
    if (Math.abs(nowMilliseconds - sweptMilliseconds) < SWEEP_MILLISECONDS) return false
    sweptMilliseconds = nowMilliseconds
    for (const [labels, { usedMilliseconds }] of streams) {
      if (nowMilliseconds - usedMilliseconds > IN_USE_MILLISECONDS) streams.delete(labels)
    }
    return streams.size < limit
  }

  /** Few labels are always allowed: they are as many as sources and priorities. */
  function choose(alert: Alert, nowMilliseconds: number): { labels: string; demoted: Pairs } {
    const { labels: all, where } = toKnownPlace(alert)
    if (streams.has(all)) return { labels: all, demoted: NONE }
    for (const kept of [where.length, where.length - 1, 0]) {
      const labels = toLabels(alert, where.slice(0, Math.max(0, kept)))
      if (kept > 0 && !streams.has(labels) && !hasRoom(nowMilliseconds)) continue
      if (kept < where.length) demotions++
      return { labels, demoted: where.slice(Math.max(0, kept)) }
    }
    return { labels: toLabels(alert, []), demoted: where }
  }

  return {
    place(alert, nowMilliseconds) {
      const { labels, demoted } = choose(alert, nowMilliseconds)
      const stream = streams.get(labels) ?? { newest: 0n, usedMilliseconds: 0 }
      const now = BigInt(nowMilliseconds) * 1_000_000n
      const last = now + AHEAD_NANOSECONDS
      // Before Loki's clock was known, or set, one may have gone out that Loki could not take.
      if (stream.newest > last) stream.newest = last
      const first = max(now - window, stream.newest - BEHIND_NANOSECONDS)
      const inside = moveInto(alert.timeNanoseconds, { first, last })
      const isMoved = inside !== alert.timeNanoseconds
      // A nanosecond apart, so that Loki's answers can tell them apart.
      const time = isMoved ? inside + BigInt(++moves % MOVES_APART) : inside
      if (time > stream.newest) stream.newest = time
      stream.usedMilliseconds = nowMilliseconds
      streams.set(labels, stream)
      return { labels, timeNanoseconds: time, isMoved, demoted }
    },
    learn(labels, oldestNanoseconds) {
      const stream = streams.get(labels)
      const newest = oldestNanoseconds + BEHIND_LIMIT_NANOSECONDS
      if (stream !== undefined && newest > stream.newest) stream.newest = newest
    },
    get inUse() {
      return streams.size
    },
    get demotions() {
      return demotions
    },
    get moves() {
      return moves
    },
  }
}

const NONE: Pairs = []

interface Place {
  readonly labels: string
  readonly where: Pairs
}

/** Labels that were made once, by what they are made of; alerts come again and again from there. */
const PLACES_CAPACITY = 10_000
const places = new Map<string, Place>()

function toKnownPlace(alert: Alert): Place {
  const { priority, source, hostname } = alert
  const namespace = toNamespace(alert)
  // With lengths, since no character can be relied on to stand in none of them.
  const lengths = `${priority} ${source.length} ${hostname.length} ${namespace.length}`
  const key = `${lengths} ${source}${hostname}${namespace}${toPod(alert)}`
  const known = places.get(key)
  if (known !== undefined) return known
  const where = toWhere(alert)
  const place = { labels: toLabels(alert, where), where }
  if (places.size >= PLACES_CAPACITY) places.clear()
  // A hostile daemon's long names are not worth remembering.
  if (key.length <= 1_000) places.set(key, place)
  return place
}

type Pairs = readonly (readonly [name: string, value: string])[]

/** Where it happened, the widest place first. */
function toWhere(alert: Alert): Pairs {
  const all: Pairs = [
    ['hostname', alert.hostname],
    ['k8s_ns_name', toNamespace(alert)],
    ['k8s_pod_name', toPod(alert)],
  ]
  return all
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, toLabelValue(value, LABEL_LIMIT_BYTES)])
}

function toLabels(alert: Alert, where: Pairs): string {
  const labels: Record<string, string> = { service_name: 'falco' }
  if (alert.source !== '') labels.source = toLabelValue(alert.source, LABEL_LIMIT_BYTES)
  labels.priority = PRIORITY_NAMES[alert.priority]
  for (const [name, value] of where) labels[name] = value
  return JSON.stringify(labels)
}

function moveInto(time: bigint, { first, last }: { first: bigint; last: bigint }): bigint {
  if (time > last) return last
  return time < first ? first : time
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
