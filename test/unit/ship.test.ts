import fc from 'fast-check'
import t from 'tap'
import { decide, toRejectedCount } from '../../src/ship/decide.js'
import { encodeChunks, splitBody } from '../../src/ship/encode.js'
import { toEntry } from '../../src/ship/entry.js'
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

void t.test('decisions', (t) => {
  for (const [status, decision] of DECISIONS) {
    const answer = { kind: 'status' as const, status, text: '', retryAfterMilliseconds: undefined }
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
  const streams: unknown = JSON.parse(`[${body.toString()}]`)
  if (!Array.isArray(streams)) throw new Error('no list')
  return streams.flatMap((stream: { stream: object; values: unknown[] }) =>
    stream.values.map((value) => ({
      labels: JSON.stringify(stream.stream),
      value: JSON.stringify(value),
    })),
  )
}

function ofStream(values: readonly Flat[], labels: string): string[] {
  return values.filter((value) => value.labels === labels).map(({ value }) => value)
}

void t.test('chunks and halves lose nothing and keep each log stream in order', (t) => {
  fc.assert(
    fc.property(alerts, (given) => {
      const entries = given.map((changes, index) => toEntry(alertOf(changes), String(index)))
      const chunks = encodeChunks(entries)
      const all = chunks.flatMap(({ body }) => flatten(body))
      if (all.length !== given.length) throw new Error('count')
      for (const labels of new Set(all.map((value) => value.labels))) {
        const expected = entries
          .filter((entry) => entry.labels === labels)
          .map(({ timeNanoseconds, line, metadata }) =>
            JSON.stringify([String(timeNanoseconds), line, metadata]),
          )
        t.same(ofStream(all, labels), expected)
        for (const { body } of chunks) {
          const halves = splitBody(body)
          if (halves === undefined) continue
          const both = halves.flatMap((half) => flatten(half.body))
          t.same(ofStream(both, labels), ofStream(flatten(body), labels))
        }
      }
    }),
  )
  t.end()
})

void t.test('large commits become several chunks', (t) => {
  const output = 'x'.repeat(1_000)
  const entries = Array.from({ length: 2_000 }, (_, index) =>
    toEntry(alertOf({ output }), `${index}`),
  )
  const chunks = encodeChunks(entries)
  t.ok(chunks.length >= 3)
  t.equal(
    chunks.reduce((sum, chunk) => sum + chunk.entries, 0),
    2_000,
  )
  t.ok(chunks.every(({ body }) => body.length < 600 * 1024))
  t.end()
})

void t.test('metadata stays inside what Loki takes', (t) => {
  const fields = new Map(
    Array.from({ length: 300 }, (_, index) => [`a.b[${index}]`, 'v'.repeat(65_536)]),
  )
  const { metadata } = toEntry(alertOf({ fields }), 'id')
  t.ok(Object.keys(metadata).length <= 128)
  t.ok(Buffer.byteLength(JSON.stringify(metadata)) < 64 * 1024)
  t.ok(metadata.a_b_0?.endsWith('…'))
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
