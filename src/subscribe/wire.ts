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
import type { Fields, Gap, Position, RawAlert } from '../alert.js'
import { NO_FIELDS, WireFields } from './fields.js'
import { toKnownText } from './texts.js'

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
    const reader = Reader.create(bytes)
    const buffer = toBuffer(bytes)
    eachField(reader, reader.len, (field) => {
      if (field === 1) alerts.push(readAlertOrSkip(reader, buffer))
      else if (field === 2) newest = readPosition(reader, buffer)
      else return false
      return true
    })
    return { alerts, newest }
  })
}

/** `falco.outputs.response`. */
export function decodeAlert(bytes: Uint8Array): RawAlert | undefined {
  return orUndecodable(() => {
    const reader = Reader.create(bytes)
    return readAlert(reader, toBuffer(bytes), reader.len)
  })
}

/** `peregrine.alerts.v1.StatusResponse`. */
export function decodeStatus(bytes: Uint8Array): Status | undefined {
  return orUndecodable(() => {
    let hostname = ''
    let version = ''
    const metrics: StatusMetric[] = []
    const reader = Reader.create(bytes)
    eachField(reader, reader.len, (field) => {
      if (field === 1) hostname = reader.string()
      else if (field === 2) version = reader.string()
      else if (field === 3) metrics.push(readMetric(reader))
      else return false
      return true
    })
    return { hostname, version, metrics }
  })
}

/** A broken alert does not take its batch along. */
function readAlertOrSkip(reader: Reader, buffer: Buffer): RawAlert | undefined {
  const end = toEnd(reader)
  const alert = orUndecodable(() => readAlert(reader, buffer, end))
  reader.pos = end
  return alert
}

/** A class, so that an output that nobody asks for is never decoded. */
class WireAlert implements RawAlert {
  timeSeconds = 0
  timeNanos = 0
  priority = 0
  rule = ''
  fields: Fields = NO_FIELDS
  hostname = ''
  tags: string[] = []
  source = ''
  position: Position | undefined = undefined
  gap: Gap | undefined = undefined
  outputStart = 0
  outputEnd = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get output(): string {
    return this.#bytes.toString('utf8', this.outputStart, this.outputEnd)
  }
}

function readAlert(reader: Reader, buffer: Buffer, end: number): RawAlert {
  const alert = new WireAlert(buffer)
  let fieldsStart = -1
  let fieldsEnd = -1
  while (reader.pos < end) {
    const start = reader.pos
    const tag = reader.uint32()
    switch (tag) {
      case (1 << 3) | 2:
        readTime(reader, alert)
        break
      case (2 << 3) | 0:
        alert.priority = reader.int32()
        break
      case (4 << 3) | 2:
        alert.rule = readText(reader, buffer)
        break
      case (5 << 3) | 2:
        alert.outputEnd = toEnd(reader)
        alert.outputStart = reader.pos
        reader.pos = alert.outputEnd
        break
      case (6 << 3) | 2:
        checkEntry(reader)
        if (fieldsStart < 0) fieldsStart = start
        fieldsEnd = reader.pos
        break
      case (7 << 3) | 2:
        alert.hostname = readText(reader, buffer)
        break
      case (8 << 3) | 2:
        alert.tags.push(readText(reader, buffer))
        break
      case (9 << 3) | 2:
        alert.source = readText(reader, buffer)
        break
      case (1000 << 3) | 2:
        alert.position = readPosition(reader, buffer)
        break
      case (1001 << 3) | 2:
        alert.gap = readGap(reader, buffer)
        break
      default:
        skipUnknown(reader, tag)
    }
  }
  if (reader.pos !== end) throw new RangeError('a field ends outside of its alert')
  if (fieldsStart >= 0) alert.fields = new WireFields(buffer, fieldsStart, fieldsEnd)
  return alert
}

/** Walks over one entry of the `map<string, string>`, so that it can be trusted later. */
function checkEntry(reader: Reader): void {
  const end = toEnd(reader)
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === ((1 << 3) | 2) || tag === ((2 << 3) | 2)) reader.pos = toEnd(reader)
    else skipUnknown(reader, tag)
  }
  if (reader.pos !== end) throw new RangeError('a text ends outside of its field')
}

/** Groups are of the time before proto3; nobody sends them, and they have no length. */
function skipUnknown(reader: Reader, tag: number): void {
  if ((tag & 7) === 3) throw new RangeError('a group')
  reader.skipType(tag & 7)
}

/** Where the message or text ends that the reader stands before. */
function toEnd(reader: Reader): number {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new RangeError('a field ends outside of its message')
  return end
}

function readText(reader: Reader, buffer: Buffer): string {
  const end = toEnd(reader)
  const start = reader.pos
  reader.pos = end
  return toKnownText(buffer, start, end)
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

function readTime(reader: Reader, alert: WireAlert): void {
  eachField(reader, toEnd(reader), (field) => {
    // Beyond 2^53 a number is no more exact, and the time is out of any range.
    if (field === 1) alert.timeSeconds = Number(toBigInt(reader.int64()))
    else if (field === 2) alert.timeNanos = reader.int32()
    else return false
    return true
  })
}

function readPosition(reader: Reader, buffer: Buffer): Position {
  let streamId = ''
  let sequence = 0n
  eachField(reader, toEnd(reader), (field) => {
    if (field === 1) streamId = readText(reader, buffer)
    else if (field === 2) sequence = toBigInt(reader.uint64())
    else return false
    return true
  })
  return { streamId, sequence }
}

function readGap(reader: Reader, buffer: Buffer): Gap {
  let firstSequence = 0n
  let lastSequence = 0n
  let reason = ''
  eachField(reader, toEnd(reader), (field) => {
    if (field === 1) firstSequence = toBigInt(reader.uint64())
    else if (field === 2) lastSequence = toBigInt(reader.uint64())
    else if (field === 3) reason = readText(reader, buffer)
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
  eachField(reader, toEnd(reader), (field) => {
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

/** Calls `read` per field up to `end`; what it does not take is skipped. */
function eachField(reader: Reader, end: number, read: (field: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (!read(tag >>> 3)) skipUnknown(reader, tag)
  }
  if (reader.pos !== end) throw new RangeError('a field ends outside of its message')
}

function toBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
