/** Entries too far behind their log stream: which get another time, so that Loki holds each once. */
import fc from 'fast-check'
import t from 'tap'
import { findBehind, toRefusedBehind, type Timed } from '../../src/ship/behind.js'
import { retimeBodies } from '../../src/ship/encode.js'
import { createStreams } from '../../src/ship/streams.js'
import { createRetime, toRefusedTimes } from '../../src/ship/times.js'
import { packNow, unpack } from '../../src/pack.js'
import { createIngester, type Ingester } from '../exporter/support/ingester.js'
import { alertOf } from './support.js'

const SECOND = 1_000_000_000n
const HOUR = 3_600n * SECOND
const NOON = BigInt(Date.parse('2026-11-26T12:00:00Z')) * 1_000_000n
const NOON_MILLISECONDS = Number(NOON / 1_000_000n)
const LABELS = '{"service_name":"falco","hostname":"a"}'
const IN_STREAM = 'total ignored: 2 out of 9 for stream: {hostname="a", service_name="falco"}'
const named = (time: string, oldest: string): string =>
  `entry with timestamp 2026-11-26 ${time} +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-26T${time.slice(0, 8)}Z, oldest acceptable timestamp is: 2026-11-26T${oldest}Z',\n`

function kindsOf(text: string, times: readonly bigint[], isRepeated = false, other = LABELS) {
  const refused = toRefusedBehind(text)
  if (refused === undefined) throw new Error(text)
  const all = times.map((nanoseconds): Timed => ({ labels: LABELS, nanoseconds }))
  const elsewhere = { labels: other, nanoseconds: NOON - 3n * HOUR }
  const found = findBehind(refused, [...all, elsewhere], () => isRepeated)
  return times.map((_, index) => found[index]?.kind)
}

void t.test('what an answer says of entries that are too far behind', (t) => {
  const text = named('10:00:00.000000005', '11:00:00') + IN_STREAM
  const times = [NOON - 3n * HOUR, NOON - 2n * HOUR + 5n, NOON - 3n * HOUR, NOON - HOUR]
  const wanted = [undefined, 'refused', 'refused', undefined]
  t.same(kindsOf(text, times), wanted, 'what stands behind the first that is named')

  const before = text.replace(/entry timestamp is: \S+ /, '')
  t.same(kindsOf(before, times), wanted, 'as Loki before 3.1 writes it')

  const split = text.replace('{', '{__stream_shard__="1", ')
  t.same(kindsOf(split, times), [undefined, 'refused', undefined, undefined], 'a split stream')
  const twice = [NOON - 2n * HOUR + 5n, NOON - 2n * HOUR + 5n]
  t.same(kindsOf(split, twice), [undefined, undefined], 'of two, one may be stored')
  t.same(kindsOf(text, twice), [undefined, 'refused'], 'of two, the last is refused surely')

  t.same(kindsOf(text.replace('"a"', '"b"'), times), Array(4).fill(undefined), 'another stream')
  t.same(kindsOf(text.slice(0, text.indexOf(' for stream')), times), [
    undefined,
    'refused',
    undefined,
    undefined,
  ])
  t.equal(toRefusedBehind("entry for stream '{}' has timestamp too new: 2026"), undefined)
  t.end()
})

void t.test('an entry that a push repeated itself has made too late is there already', (t) => {
  const text = named('10:00:00', '11:00:00') + IN_STREAM
  const times = [NOON - 2n * HOUR, NOON - HOUR, NOON + 7n]
  t.same(kindsOf(text, times, true), ['stored', undefined, undefined])
  t.same(kindsOf(text, times, false), ['refused', undefined, undefined], 'it cannot be yet')
  const others = [NOON - 2n * HOUR, NOON - HOUR, NOON + SECOND]
  t.same(kindsOf(text, others, true), ['refused', undefined, undefined], 'somebody else did it')
  t.end()
})

interface Pushed {
  readonly body: Buffer
  /** How often each entry is in Loki, by its line. */
  readonly stored: Map<string, number>
}

type Streams = { stream: Record<string, string>; values: [time: string, line: string][] }[]

function isStreams(value: unknown): value is Streams {
  return Array.isArray(value)
}

/** Loki drops what it has: same log stream, time and line. */
function push(
  ingester: Ingester,
  { body, stored }: Pushed,
  seen: Set<string>,
  now = NOON_MILLISECONDS,
): string {
  const streams: unknown = JSON.parse(`[${unpack(body).toString()}]`)
  if (!isStreams(streams)) throw new Error('no streams')
  return ingester.push(
    streams.map(({ stream, values }) => ({ stream, times: values.map(([time]) => time) })),
    now,
    (one, entry) => {
      const [time = '', line = ''] = streams[one]?.values[entry] ?? []
      const identity = JSON.stringify([streams[one]?.stream, time, line])
      if (seen.has(identity)) return
      seen.add(identity)
      stored.set(line, (stored.get(line) ?? 0) + 1)
    },
  )
}

/** In steps of two seconds: somebody else's entries are never of a second of ours. */
const moment = fc.integer({ min: -3 * 3_600, max: -1 }).map((steps) => 2 * steps)
const entry = fc.tuple(fc.nat(2), moment)
const LIMITS = { streams: 10, windowMilliseconds: 86_400_000 }
const entries = fc.array(entry, { minLength: 1, maxLength: 60 })
/** One line an entry, as they are placed: in order, as far as this exporter knows. */
function toBody(
  drawn: readonly (readonly [host: number, seconds: number])[],
  placing = createStreams(LIMITS),
): Buffer {
  const streams = new Map<number, string[]>()
  for (const [line, [host, seconds]] of drawn.entries()) {
    const timeNanoseconds = NOON + BigInt(seconds) * SECOND
    const alert = alertOf({ hostname: String(host), timeNanoseconds })
    const placed = placing.place(alert, NOON_MILLISECONDS)
    const values = streams.get(host) ?? []
    streams.set(host, [...values, `["${placed.timeNanoseconds}","${line}",{}]`])
  }
  const all = Array.from(
    streams,
    ([host, values]) => `{"stream":{"hostname":"${host}"},"values":[${values.join(',')}]}`,
  )
  return packNow(all.join(','))
}

/** Pushes until there is nothing to change; tells how many entries got another time. */
function pushAll(ingester: Ingester, first: Buffer, lost: number): [Map<string, number>, number] {
  const stored = new Map<string, number>()
  const seen = new Set<string>()
  let body = first
  let moved = 0
  for (let attempt = 0; attempt < lost; attempt++) push(ingester, { body, stored }, seen)
  let isRepeated = lost > 0
  let given: ReadonlySet<bigint> = new Set()
  for (let round = 0; ; round++) {
    if (round > 20) throw new Error('goes round')
    const refused = toRefusedTimes(push(ingester, { body, stored }, seen))
    if (refused === undefined) break
    const isKnown = (time: bigint): boolean => isRepeated && !given.has(time)
    const options = { lokiMilliseconds: NOON_MILLISECONDS, isKnown, learned: () => undefined }
    const next = retimeBodies([body], createRetime(refused, options))
    isRepeated = true
    given = next.given
    if (given.size + next.stored === 0) break
    moved += given.size
    body = next.part.body
    if (next.part.entries === 0) break
  }
  return [stored, moved]
}

function isOnce(stored: ReadonlyMap<string, number>, count: number): void {
  for (let line = 0; line < count; line++) {
    const times = stored.get(String(line)) ?? 0
    if (times !== 1) throw new Error(`${line} is there ${times} times`)
  }
}

void t.test('whoever has the newest of a log stream, in the end each entry is there once', (t) => {
  let moved = 0
  const drawn = fc.array(moment, { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(drawn, moment, (times, newest) => {
      const ingester = createIngester()
      const time = String(NOON + BigInt(newest + 1) * SECOND)
      ingester.push(
        [{ stream: { hostname: '0' }, times: [time] }],
        NOON_MILLISECONDS,
        () => undefined,
      )
      const all = times.map((seconds) => [0, seconds] as const)
      const [stored, count] = pushAll(ingester, toBody(all), 0)
      isOnce(stored, times.length)
      moved += count
    }),
    { numRuns: 500 },
  )
  t.ok(moved > 100)
  t.end()
})

void t.test('however often an answer is lost, each entry of a backlog is there once', (t) => {
  fc.assert(
    fc.property(entries, fc.nat(2), (drawn, lost) => {
      const [stored, moved] = pushAll(createIngester(), toBody(drawn), lost)
      isOnce(stored, drawn.length)
      if (moved > 0) throw new Error('nothing was refused for good')
    }),
    { numRuns: 500 },
  )
  t.end()
})

void t.test(
  "whatever Loki's clock is thought to be meanwhile, in the end each entry is there once",
  (t) => {
    let moved = 0
    const halfHours = fc.integer({ min: -8, max: 2 })
    const error = fc.constantFrom(0, -1, 1)
    const batches = fc.array(fc.tuple(entries, fc.array(error, { maxLength: 3 })), { maxLength: 3 })
    fc.assert(
      fc.property(batches, halfHours, (all, off) => {
        const ingester = createIngester()
        const seen = new Set<string>()
        const placing = createStreams(LIMITS)
        const now = NOON_MILLISECONDS + off * 1_800_000
        for (const [drawn, errors] of all) {
          const stored = new Map<string, number>()
          let body = toBody(drawn, placing)
          let isRepeated = false
          let given: ReadonlySet<bigint> = new Set()
          for (let round = 0; ; round++) {
            if (round > 20) throw new Error('goes round')
            const refused = toRefusedTimes(push(ingester, { body, stored }, seen, now))
            if (refused === undefined) break
            // Our own clock jumps, and what is known of Loki's with it.
            const lokiMilliseconds = now + (errors[round] ?? 0) * 3_600_000
            const isKnown = (time: bigint): boolean => isRepeated && !given.has(time)
            const options = { lokiMilliseconds, isKnown, learned: () => undefined }
            const next = retimeBodies([body], createRetime(refused, options))
            isRepeated = true
            given = next.given
            if (given.size + next.stored === 0) break
            moved += given.size
            body = next.part.body
            if (next.part.entries === 0) break
          }
          isOnce(stored, drawn.length)
          seen.clear()
        }
      }),
      { numRuns: 500 },
    )
    t.ok(moved > 1_000)
    t.end()
  },
)

void t.test('a log stream of which somebody else has the newest is kept up with', (t) => {
  const streams = createStreams({ streams: 10, windowMilliseconds: 86_400_000 })
  const now = Number(NOON / 1_000_000n)
  const late = alertOf({ timeNanoseconds: NOON - 2n * HOUR })
  const { labels } = streams.place(late, now)
  streams.learn(labels, NOON - HOUR)
  const next = streams.place(late, now)
  t.ok(next.isMoved)
  t.ok(next.timeNanoseconds > NOON - HOUR)
  t.end()
})
