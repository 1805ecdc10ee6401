/**
 * Decodes the messages of proto/ straight into raw alerts.
 *
 * Written by hand over protobuf's reader: reflection would build each alert twice, and the
 * files of proto/ need not be there at run time. The tests' servers are built from proto/
 * itself, so that the two cannot drift apart unseen.
 *
 * Unknown fields are skipped. A message that cannot be decoded is a value and no exception:
 * thrown inside a gRPC stream it would end the stream, again after each reconnect.
 */
import protobuf from 'protobufjs/minimal.js'
import type { Gap, Position, RawAlert } from '../alert.js'
import { createFieldsReader, NO_FIELDS } from './fields.js'

const { Reader, Writer } = protobuf
type Reader = protobuf.Reader

export interface RawBatch {
  /** `undefined` stands for an alert that could not be decoded. */
  readonly alerts: readonly (RawAlert | undefined)[]
  readonly newest: Position | undefined
}

export interface StatusMetric {
  readonly name: string
  readonly help: string
  readonly type: 'untyped' | 'counter' | 'gauge'
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

export interface Status {
  readonly hostname: string
  readonly version: string
  readonly metrics: readonly StatusMetric[]
}

/** `peregrine.alerts.v1.SubscribeRequest`. */
export function encodeSubscribeRequest(resumeAfter: Position | undefined, limit: number): Buffer {
  const writer = Writer.create()
  if (resumeAfter !== undefined) {
    writer.uint32((1 << 3) | 2).fork()
    writer.uint32((1 << 3) | 2).string(resumeAfter.streamId)
    // As text: the writer turns it into 64 bits without loss.
    writer.uint32((2 << 3) | 0).uint64(resumeAfter.sequence.toString())
    writer.ldelim()
  }
  writer.uint32((2 << 3) | 0).uint32(limit)
  return Buffer.from(writer.finish())
}

/** `peregrine.alerts.v1.AlertBatch`. */
export function decodeBatch(bytes: Uint8Array): RawBatch | undefined {
  return orUndecodable(() => {
    const alerts: (RawAlert | undefined)[] = []
    let newest: Position | undefined
    eachField(Reader.create(bytes), (field, reader) => {
      if (field === 1) alerts.push(decodeAlert(reader.bytes()))
      else if (field === 2) newest = readPosition(nested(reader))
      else return false
      return true
    })
    return { alerts, newest }
  })
}

/** `falco.outputs.response`. */
export function decodeAlert(bytes: Uint8Array): RawAlert | undefined {
  return orUndecodable(() => readAlert(Reader.create(bytes)))
}

/** `peregrine.alerts.v1.StatusResponse`. */
export function decodeStatus(bytes: Uint8Array): Status | undefined {
  return orUndecodable(() => {
    let hostname = ''
    let version = ''
    const metrics: StatusMetric[] = []
    eachField(Reader.create(bytes), (field, reader) => {
      if (field === 1) hostname = reader.string()
      else if (field === 2) version = reader.string()
      else if (field === 3) metrics.push(readMetric(nested(reader)))
      else return false
      return true
    })
    return { hostname, version, metrics }
  })
}

function readAlert(reader: Reader): RawAlert {
  const alert: RawAlert = {
    timeSeconds: 0n,
    timeNanos: 0,
    priority: 0,
    rule: '',
    output: '',
    fields: NO_FIELDS,
    hostname: '',
    tags: [],
    source: '',
    position: undefined,
    gap: undefined,
  }
  const fields = createFieldsReader(reader)
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    switch (tag >>> 3) {
      case 1:
        readTime(nested(reader), alert)
        break
      case 2:
        alert.priority = reader.int32()
        break
      case 4:
        alert.rule = reader.string()
        break
      case 5:
        alert.output = reader.string()
        break
      case 6:
        fields.skip()
        break
      case 7:
        alert.hostname = reader.string()
        break
      case 8:
        alert.tags.push(reader.string())
        break
      case 9:
        alert.source = reader.string()
        break
      case 1000:
        alert.position = readPosition(nested(reader))
        break
      case 1001:
        alert.gap = readGap(nested(reader))
        break
      default:
        reader.skipType(tag & 7)
    }
  }
  alert.fields = fields.finish()
  return alert
}

/** One entry of a `map<string, string>`; what says "nothing" in words is left out. */
function readField(reader: Reader, fields: Map<string, string>): void {
  const end = reader.uint32() + reader.pos
  let key = ''
  let value = ''
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === ((1 << 3) | 2)) key = reader.string()
    else if (tag === ((2 << 3) | 2)) value = reader.string()
    else reader.skipType(tag & 7)
  }
  if (value !== '' && value !== '<NA>' && value !== 'null') fields.set(key, value)
}

function readTime(reader: Reader, alert: RawAlert): void {
  eachField(reader, (field) => {
    if (field === 1) alert.timeSeconds = toBigInt(reader.int64())
    else if (field === 2) alert.timeNanos = reader.int32()
    else return false
    return true
  })
}

function readPosition(reader: Reader): Position {
  let streamId = ''
  let sequence = 0n
  eachField(reader, (field) => {
    if (field === 1) streamId = reader.string()
    else if (field === 2) sequence = toBigInt(reader.uint64())
    else return false
    return true
  })
  return { streamId, sequence }
}

function readGap(reader: Reader): Gap {
  let firstSequence = 0n
  let lastSequence = 0n
  let reason = ''
  eachField(reader, (field) => {
    if (field === 1) firstSequence = toBigInt(reader.uint64())
    else if (field === 2) lastSequence = toBigInt(reader.uint64())
    else if (field === 3) reason = reader.string()
    else return false
    return true
  })
  return { firstSequence, lastSequence, reason }
}

const METRIC_TYPES = ['untyped', 'counter', 'gauge'] as const

function readMetric(reader: Reader): StatusMetric {
  let name = ''
  let help = ''
  let type: StatusMetric['type'] = 'untyped'
  const labels = new Map<string, string>()
  let value = 0
  eachField(reader, (field) => {
    if (field === 1) name = reader.string()
    else if (field === 2) help = reader.string()
    else if (field === 3) type = METRIC_TYPES[reader.int32()] ?? 'untyped'
    else if (field === 4) readField(reader, labels)
    else if (field === 5) value = reader.double()
    else return false
    return true
  })
  return { name, help, type, labels, value }
}

/** Calls `read` per field; what it does not take is skipped. */
function eachField(reader: Reader, read: (field: number, reader: Reader) => boolean): void {
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (!read(tag >>> 3, reader)) reader.skipType(tag & 7)
  }
}

function nested(reader: Reader): Reader {
  return Reader.create(reader.bytes())
}

function orUndecodable<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch {
    // The reader throws on bytes that end early or on a wire type that does not exist.
    return undefined
  }
}

type Wide = number | { readonly low: number; readonly high: number; readonly unsigned: boolean }

function toBigInt(wide: Wide): bigint {
  if (typeof wide === 'number') return BigInt(wide)
  const low = wide.low >>> 0
  // Up to 2^53 a number is exact, and several times cheaper to make than a shifted bigint.
  if (wide.high >= 0 && wide.high < 0x20_0000) return BigInt(wide.high * 0x1_0000_0000 + low)
  const high = wide.unsigned ? BigInt(wide.high >>> 0) : BigInt(wide.high)
  return (high << 32n) | BigInt(low)
}
