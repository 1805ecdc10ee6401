import { crc32, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { decide, toRejectedCount } from '../../src/ship/decide.js'
import type { Alert } from '../../src/alert.js'
import { createEncoder, encodePush, halveBodies } from '../../src/ship/encode.js'
import { toFixed, writeEntry, type Fixed } from '../../src/ship/entry.js'
import { combineSums, createPacker, toGzip, unpack } from '../../src/pack.js'
import { createStreams, type Placed } from '../../src/ship/streams.js'
import { createRetime, toOffset, toOffsetNow, toRefusedTimes } from '../../src/ship/times.js'
import { JsonWriter } from '../../src/ship/writer.js'
import type { Chunk } from '../../src/store/index.js'
import { toBackoff } from '../../src/waits.js'
import { alertOf } from './support.js'

const DECISIONS: readonly (readonly [status: number, decision: string])[] = [
  [200, 'accepted'],
  [204, 'accepted'],
  [260, 'held'],
  [302, 'held'],
  [400, 'rejected'],
  [401, 'held'],
  [403, 'held'],
  [404, 'held'],
  [405, 'held'],
  [408, 'later'],
  [409, 'rejected'],
  [413, 'too_large'],
  [422, 'rejected'],
  [429, 'later'],
  [500, 'later'],
  [501, 'held'],
  [502, 'later'],
  [503, 'later'],
  [504, 'later'],
]

const NO_HEADERS = { retryAfterMilliseconds: undefined, dateMilliseconds: undefined }

void t.test('decisions', (t) => {
  for (const [status, decision] of DECISIONS) {
    const answer = { kind: 'status' as const, status, text: '', ...NO_HEADERS }
    t.equal(decide(answer), decision, String(status))
  }
  t.equal(decide({ kind: 'unreachable', text: 'ECONNREFUSED' }), 'later')
  t.end()
})

void t.test('what a 400 gave up', (t) => {
  const cases: readonly (readonly [text: string, entries: number, rejected: number])[] = [
    ['cannot parse', 5, 5],
    ['x total ignored: 1 out of 3 for stream: {a="b"}', 5, 1],
    ['total ignored: 1 out of 3 …\ntotal ignored: 2 out of 2', 5, 3],
    ['total ignored: 99 out of 99', 5, 5],
    ['total ignored: 0 out of 3', 5, 5],
    // As Loki 3.7 answers.
    ["max entry size '1024' bytes exceeded for stream '{}' while adding an entry", 3, 1],
    ["entry for stream '{}' has timestamp too old: 2026, oldest acceptable", 3, 1],
    ["stream '{}' has structured metadata too large: '2189' bytes, limit: '1024' bytes", 3, 1],
    ["2 errors like: entry for stream '{}' has timestamp too new; 1 errors like: max", 9, 3],
    ["entry for stream '{}' has 5 label names; limit 3", 3, 3],
    ["1 errors like: stream '{}' has label value too long; 1 errors like: max", 9, 9],
    ["couldn't parse labels: 1:50: parse error: invalid UTF-8 rune", 4, 4],
    [`1 errors like: ${'x'.repeat(8_100)}`, 7, 7],
  ]
  for (const [text, entries, rejected] of cases) {
    t.equal(toRejectedCount(text, entries), rejected, text)
  }
  t.end()
})

const wild = fc.string({ unit: 'binary', maxLength: 50 })
const alerts = fc.array(
  fc.record({ rule: wild, output: wild, hostname: fc.constantFrom('a', 'b', 'c') }),
  { minLength: 1, maxLength: 40 },
)

interface Flat {
  readonly labels: string
  readonly value: string
}

function flatten(body: Buffer): Flat[] {
  const streams: unknown = JSON.parse(`[${unpack(body).toString()}]`)
  if (!Array.isArray(streams)) throw new Error('no list')
  return streams.flatMap((stream: { stream: object; values: unknown[] }) =>
    stream.values.map((value) => ({
      labels: JSON.stringify(stream.stream),
      value: JSON.stringify(value),
    })),
  )
}

function renderEntry(alert: Alert, placed: Placed, eventId: string, fixed?: Fixed): string {
  const writer = new JsonWriter()
  writeEntry(writer, alert, placed, eventId, fixed)
  return writer.written.toString()
}

function ofStream(values: readonly Flat[], labels: string): string[] {
  return values.filter((value) => value.labels === labels).map(({ value }) => value)
}

const NOW = 1_700_000_000_000
const LIMITS = { streams: 1_000, windowMilliseconds: 6 * 86_400_000 }

async function encode(
  given: readonly Alert[],
  tenantOf: (alert: Alert) => string = () => '',
): Promise<{
  readonly chunks: readonly Chunk[]
  /** As each should have come out, alone. */
  readonly flat: readonly Flat[]
}> {
  let next = 0
  const streams = createStreams(LIMITS)
  const chunks = await createEncoder({ streams, tenantOf })(given, () => String(next++), NOW)
  const flat = given.map((alert, index) => {
    const placed = streams.place(alert, NOW)
    return { labels: placed.labels, value: renderEntry(alert, placed, String(index)) }
  })
  return { chunks, flat }
}

void t.test('chunks and halves lose nothing and keep each log stream in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(alerts, async (given) => {
      const { chunks, flat } = await encode(given.map((changes) => alertOf(changes)))
      const bodies = chunks.map(({ body }) => body)
      const all = bodies.flatMap(flatten)
      if (all.length !== given.length) throw new Error('count')
      const halves = halveBodies(bodies) ?? []
      if (halves.length > 0) t.equal(sumOf(halves, 'entries'), given.length)
      for (const labels of new Set(all.map((value) => value.labels))) {
        const expected = ofStream(flat, labels).map((text) => JSON.stringify(JSON.parse(text)))
        t.same(ofStream(all, labels), expected)
        if (halves.length === 0) continue
        const both = halves.flatMap((half) => flatten(half.body))
        t.same(ofStream(both, labels), expected)
      }
      const pushed: unknown = JSON.parse(gunzipSync(encodePush(bodies)).toString())
      const whole = bodies.map((body) => unpack(body).toString()).join(',')
      t.same(pushed, JSON.parse(`{"streams":[${whole}]}`))
    }),
  )
})

function sumOf(parts: readonly { readonly entries: number }[], what: 'entries'): number {
  return parts.reduce((sum, part) => sum + part[what], 0)
}

void t.test('packed pieces are one gzip stream, in any number', async (t) => {
  const packer = createPacker()
  const piece = fc.uint8Array({ minLength: 1, maxLength: 3_000 }).map((bytes) => Buffer.from(bytes))
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), async (plain) => {
      const packed: Buffer[] = []
      for (const bytes of plain) packed.push(await packer.pack(bytes))
      t.same(gunzipSync(toGzip(packed)), Buffer.concat(plain))
      t.same(packed.map(unpack), plain)
      const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = plain
      const sum = combineSums(crc32(first), crc32(second), second.length)
      t.equal(sum, crc32(Buffer.concat([first, second])))
    }),
  )
})

void t.test('large commits become several chunks', async (t) => {
  const output = 'x'.repeat(1_000)
  const { chunks } = await encode(Array.from({ length: 2_000 }, () => alertOf({ output })))
  t.ok(chunks.length >= 3)
  t.equal(
    chunks.reduce((sum, chunk) => sum + chunk.entries, 0),
    2_000,
  )
  t.ok(chunks.every(({ plainBytes }) => plainBytes < 600 * 1024))
  t.ok(chunks.every(({ body, plainBytes }) => body.length < plainBytes / 10))
})

void t.test('each tenant has chunks of its own', async (t) => {
  const given = ['a', 'b', 'a'].map((namespace) =>
    alertOf({ fields: new Map([['k8s.ns.name', namespace]]) }),
  )
  const { chunks } = await encode(given, ({ fields }) => fields.get('k8s.ns.name') ?? '')
  t.same(
    chunks.map(({ tenant, entries }) => [tenant, entries]),
    [
      ['a', 2],
      ['b', 1],
    ],
  )
})

function metadataOf(alert: Alert): Record<string, string> {
  const placed = createStreams(LIMITS).place(alert, NOW)
  const parsed: unknown = JSON.parse(renderEntry(alert, placed, '0'))
  const metadata: unknown = Array.isArray(parsed) ? parsed[2] : undefined
  if (typeof metadata !== 'object' || metadata === null) throw new Error('no metadata')
  return Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, String(text)]))
}

void t.test('metadata stays inside what Loki takes', (t) => {
  const fields = new Map(
    Array.from({ length: 300 }, (_, index) => [`a.b[${index}]`, 'v'.repeat(65_536)]),
  )
  const metadata = metadataOf(alertOf({ fields }))
  t.ok(Object.keys(metadata).length <= 128)
  t.ok(Buffer.byteLength(JSON.stringify(metadata)) < 64 * 1024)
  t.ok(metadata.a_b_0?.endsWith('…'))
  t.end()
})

void t.test('two fields never share a name, and none takes ours', (t) => {
  const fields = new Map([
    ['x.y', '1'],
    ['x_y', '2'],
    ['rule', '3'],
    ['1st', '4'],
  ])
  const metadata = metadataOf(alertOf({ rule: 'R', fields }))
  t.match(metadata, { x_y: '1', rule: 'R', field_rule: '3', field_1st: '4' })
  t.ok(Object.values(metadata).includes('2'))
  t.end()
})

void t.test('times that Loki would refuse are moved, and the true one is kept', (t) => {
  const streams = createStreams({ streams: 10, windowMilliseconds: 6 * 86_400_000 })
  const ns = (milliseconds: number): bigint => BigInt(milliseconds) * 1_000_000n
  const place = (milliseconds: number) =>
    streams.place(alertOf({ timeNanoseconds: ns(milliseconds) }), NOW)
  t.same(place(0).timeNanoseconds, ns(NOW - 6 * 86_400_000) + 1n, '1970 is moved into the window')
  t.equal(place(NOW).isMoved, false)
  t.same(
    place(NOW + 86_400_000).timeNanoseconds,
    ns(NOW + 300_000) + 2n,
    'tomorrow is moved to now',
  )
  const behind = place(NOW - 2 * 3_600_000)
  t.ok(behind.isMoved, 'an hour behind the newest of its log stream')
  t.ok(behind.timeNanoseconds > ns(NOW - 3_600_000))
  t.equal(streams.moves, 3)
  const alert = alertOf({ timeNanoseconds: 1_000_000_001n })
  const text = renderEntry(alert, streams.place(alert, NOW), 'id')
  t.match(text, '"event_time":"1970-01-01T00:00:01.000000001Z"')
  t.end()
})

void t.test('over the limit of log streams, pods and then hosts become metadata', (t) => {
  const streams = createStreams({ streams: 3, windowMilliseconds: 86_400_000 })
  const placed = Array.from({ length: 50 }, (_, index) =>
    streams.place(
      alertOf({ fields: new Map([['k8s.pod.name', `pod-${index}`]]), hostname: `h${index % 10}` }),
      NOW,
    ),
  )
  t.ok(streams.inUse <= 4, `${streams.inUse} streams`)
  t.match(placed.at(-1)?.demoted, [
    ['hostname', 'h9'],
    ['k8s_pod_name', 'pod-49'],
  ])
  const later = streams.place(alertOf({ hostname: 'late' }), NOW + 3_600_000)
  t.same(later.demoted, [], 'what nobody uses any more makes room')
  t.end()
})

void t.test('back-off', (t) => {
  const backoff = { firstMilliseconds: 100, limitMilliseconds: 1_000 }
  t.same(
    [0, 1, 2, 3, 4, 500].map((attempt) => toBackoff(attempt, backoff, () => 1)),
    [100, 200, 400, 800, 1_000, 1_000],
  )
  t.equal(
    toBackoff(3, backoff, () => 0),
    0,
  )
  t.end()
})

void t.test('no label of a log stream makes Loki refuse a push', (t) => {
  const streams = createStreams(LIMITS)
  const fields = new Map([['k8s.pod.name', 'pod\u0000']])
  const { labels } = streams.place(alertOf({ hostname: 'n\ufffd1', source: '\ud800', fields }), NOW)
  t.same(JSON.parse(labels), {
    service_name: 'falco',
    source: '?',
    priority: 'Warning',
    hostname: 'n?1',
    k8s_pod_name: 'pod?',
  })
  t.end()
})

void t.test("the user's labels of series stand on log lines, too", (t) => {
  const streams = createStreams(LIMITS)
  const alert = alertOf({
    fields: new Map([
      ['cluster', 'of an event'],
      ['proc.name', 'sh'],
    ]),
  })
  const fixed = toFixed([
    { name: 'cluster', value: 'we"st' },
    { name: 'rule', value: 'is ours' },
  ])
  const text = renderEntry(alert, streams.place(alert, NOW), 'id', fixed)
  t.equal(text.split('"cluster":').length, 2, 'once')
  const parsed: unknown = JSON.parse(text)
  t.match(parsed, [String, String, { cluster: 'we"st', proc_name: 'sh', rule: alert.rule }])
  t.end()
})

const TOO_NEW = 'entry for stream \'{a="b"}\' has timestamp too new: 2026-11-26T12:00:10Z'
const AT = BigInt(Date.parse('2026-11-26T12:00:10Z')) * 1_000_000n
const LOKI_NOW = Date.parse('2026-11-26T11:50:09Z')

void t.test('only what was surely refused gets another time', (t) => {
  const retimed = (
    text: string,
    all: readonly bigint[],
    now = LOKI_NOW,
  ): ReturnType<ReturnType<typeof createRetime>> => {
    const refused = toRefusedTimes(text)
    if (refused === undefined) throw new Error(text)
    const options = {
      lokiMilliseconds: now,
      isKnown: () => false,
      learned: () => t.fail('learned'),
    }
    const timed = all.map((nanoseconds) => ({ labels: '{}', nanoseconds }))
    return createRetime(refused, options)(timed)
  }
  const now = BigInt(LOKI_NOW) * 1_000_000n
  t.equal(toRefusedTimes('cannot parse'), undefined)
  t.same(retimed(TOO_NEW, [AT - 1n, AT + 5n]), [undefined, now + 1n], 'the one that is named')
  t.same(
    retimed(TOO_NEW, [AT, AT + 5n, AT + 1_000_000_000n]),
    [undefined, undefined, now + 2n],
    'of two in the second that is named, one may have been stored',
  )
  t.same(retimed(`3 errors like: ${TOO_NEW}; 1 errors like: max`, [AT, AT + 1n, AT + 2n]), [
    now,
    now + 1n,
    now + 2n,
  ])
  const early = LOKI_NOW - 3_600_000
  t.same(retimed(TOO_NEW, [AT, AT], early), [
    BigInt(early) * 1_000_000n,
    BigInt(early) * 1_000_000n + 1n,
  ])
  const old = `entry for stream '{}' has timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 2026-11-26T12:00:10Z`
  t.same(retimed(old, [AT - 1n, AT]), [AT + 300_000_000_000n, undefined])
  t.end()
})

void t.test("Loki's clock", (t) => {
  t.equal(toOffset(undefined, 0, 10), undefined)
  t.equal(toOffset(9_000, 10_000, 10_010), 0, 'whole seconds say no more')
  t.equal(toOffset(3_610_000, 10_000, 10_010), 3_600_490)
  t.equal(toOffset(3_610_000, 10_000, 40_000), undefined, 'a late answer')
  t.equal(toOffset(3_610_000, 10_000, 9_000), undefined, 'our own clock was set meanwhile')
  const offset = { milliseconds: 5_000, wallMilliseconds: 1_000_000, monotonicMilliseconds: 1_000 }
  t.equal(toOffsetNow(undefined, 0, 0), 0)
  t.equal(toOffsetNow(offset, 1_600_000, 601_010), 5_000, 'ten minutes later')
  t.equal(toOffsetNow(offset, 5_200_000, 601_010), 0, 'our own clock was set since')
  t.end()
})
