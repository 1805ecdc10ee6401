import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import t from 'tap'
import type { Fields, RawAlert } from '../../src/alert.js'
import {
  decodeAlert,
  decodeBatch,
  decodeStatus,
  encodeSubscribeRequest,
} from '../../src/subscribe/wire.js'

const PROTO = fileURLToPath(new URL('../../../proto', import.meta.url))
const root = new protobuf.Root()
root.resolvePath = (_origin, target) =>
  target.startsWith('google/') ? target : join(PROTO, target)
root.loadSync(['peregrine/alerts.proto', 'falco/outputs.proto'], { keepCase: true })
const Response = root.lookupType('falco.outputs.response')
const Batch = root.lookupType('peregrine.alerts.v1.AlertBatch')
const SubscribeRequest = root.lookupType('peregrine.alerts.v1.SubscribeRequest')
const StatusResponse = root.lookupType('peregrine.alerts.v1.StatusResponse')

const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed())
const sequence = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const position = fc.record({ stream_id: text, sequence })
const seconds = fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n })

const alert = fc.record({
  seconds,
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  priority: fc.integer({ min: 0, max: 7 }),
  rule: text,
  output: text,
  fields: fc.dictionary(
    text,
    text.filter((value) => !['', 'null', '<NA>'].includes(value)),
  ),
  hostname: text,
  tags: fc.array(text),
  source: text,
  position: fc.option(position, { nil: undefined }),
})

type Generated = typeof alert extends fc.Arbitrary<infer T> ? T : never

/** As protobuf's reflection encodes what proto/ says. */
function toMessage(given: Generated): Record<string, unknown> {
  const { seconds, nanos, fields, position, ...rest } = given
  return {
    ...rest,
    time: { seconds: seconds.toString(), nanos },
    output_fields: fields,
    ...(position === undefined
      ? {}
      : { position: { ...position, sequence: position.sequence.toString() } }),
  }
}

function encode(type: protobuf.Type, message: object): Uint8Array {
  return type.encode(type.fromObject(message)).finish()
}

function toPairs(fields: Fields): [string, string][] {
  const pairs: [string, string][] = []
  fields.forEach((value, name) => pairs.push([name, value]))
  // Fields are asked for by the names that rules use, which are ASCII.
  for (const [name, value] of pairs) {
    if (/^[ -~]*$/.test(name)) t.equal(fields.get(name), value)
  }
  return pairs
}

/** With what is only decoded when somebody asks. */
function toPlain(raw: RawAlert): object {
  const { timeSeconds, timeNanos, priority, rule, output, hostname, tags, source } = raw
  const { position, gap } = raw
  const fields = Object.fromEntries(toPairs(raw.fields))
  const rest = { fields, hostname, tags, source, position, gap }
  return { timeSeconds, timeNanos, priority, rule, output, ...rest }
}

void t.test('reads what proto/ says', (t) => {
  fc.assert(
    fc.property(alert, (given) => {
      const decoded = decodeAlert(encode(Response, toMessage(given)))
      t.same(decoded === undefined ? undefined : toPlain(decoded), {
        timeSeconds: Number(given.seconds),
        timeNanos: given.nanos,
        priority: given.priority,
        rule: given.rule,
        output: given.output,
        fields: { ...given.fields },
        hostname: given.hostname,
        tags: given.tags,
        source: given.source,
        position: given.position && {
          streamId: given.position.stream_id,
          sequence: given.position.sequence,
        },
        gap: undefined,
      })
      return decoded !== undefined
    }),
    { numRuns: 300 },
  )
  t.end()
})

void t.test('batches: alerts, gaps, the newest position', (t) => {
  const batch = decodeBatch(
    encode(Batch, {
      alerts: [
        { rule: 'one', position: { stream_id: 's', sequence: '18446744073709551615' } },
        { rule: 'two', gap: { first_sequence: '3', last_sequence: '5', reason: 'retention' } },
      ],
      newest: { stream_id: 's', sequence: '9' },
    }),
  )
  t.equal(batch?.alerts.length, 2)
  t.same(batch?.alerts[0]?.position, { streamId: 's', sequence: 2n ** 64n - 1n })
  t.same(batch?.alerts[1]?.gap, { firstSequence: 3n, lastSequence: 5n, reason: 'retention' })
  t.same(batch?.newest, { streamId: 's', sequence: 9n })
  t.end()
})

void t.test('"nothing" in words is no field', (t) => {
  const decoded = decodeAlert(
    encode(Response, { output_fields: { a: 'null', b: '<NA>', c: '', d: 'nullable' } }),
  )
  t.same(decoded === undefined ? [] : toPairs(decoded.fields), [['d', 'nullable']])
  t.end()
})

void t.test('bytes that are no message are a value, never an exception', (t) => {
  const whole = encode(Response, { rule: 'r', output: 'o', tags: ['t'], output_fields: { a: 'b' } })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(whole.length), (noise, cut) => {
      for (const decode of [decodeAlert, decodeBatch, decodeStatus]) {
        decode(noise)
        decode(whole.subarray(0, cut))
        decode(Buffer.concat([whole, noise]))
      }
    }),
    { numRuns: 2_000 },
  )
  t.equal(decodeAlert(Uint8Array.of(0x22, 0xff)), undefined)
  t.end()
})

void t.test('a broken alert does not take its batch along', (t) => {
  const good = encode(Response, { rule: 'good' })
  const broken = Uint8Array.of(0x22, 0xff)
  const bytes = Buffer.concat([good, broken, good].map((part) => frame(1, part)))
  t.same(
    decodeBatch(bytes)?.alerts.map((decoded) => decoded?.rule),
    ['good', undefined, 'good'],
  )
  t.end()
})

function frame(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes])
}

void t.test('requests and status', (t) => {
  fc.assert(
    fc.property(position, fc.nat(), (given, limit) => {
      const { stream_id: streamId, sequence } = given
      const bytes = encodeSubscribeRequest({ streamId, sequence }, limit)
      const decoded = SubscribeRequest.toObject(SubscribeRequest.decode(bytes), {
        longs: String,
        defaults: true,
      })
      t.same(decoded, {
        resume_after: { stream_id: streamId, sequence: sequence.toString() },
        batch_limit: limit,
      })
    }),
  )
  const metric = { name: 'm', help: 'h', type: 1, labels: { a: 'b' }, value: 1.5 }
  const status = decodeStatus(
    encode(StatusResponse, { hostname: 'h', version: 'v', metrics: [metric, { name: 'n' }] }),
  )
  t.match(status, { hostname: 'h', version: 'v' })
  t.match(status?.metrics[0], { name: 'm', help: 'h', type: 'counter', value: 1.5 })
  t.match(status?.metrics[1], { name: 'n', type: 'untyped', value: 0 })
  t.end()
})
