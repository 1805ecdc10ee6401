/**
 * Entries to chunks. A chunk's body is a packed run of stream objects without the brackets
 * around:
 *
 *   {"stream":{…},"values":[["<ns>","<line>",{…}],…]},{"stream":…}
 *
 * so that chunks are joined to a push by commas, and neither rendered nor packed again.
 */
import type { Alert } from '../alert.js'
import type { Chunk } from '../store/index.js'
import type { Timed } from './behind.js'
import { writeEntry, type Fixed } from './entry.js'
import { createPacker, packNow, toGzip, unpack } from '../pack.js'
import { toRfc3339 } from './rfc3339.js'
import type { Placed, Streams } from './streams.js'
import type { Retime } from './times.js'
import { JsonWriter } from './writer.js'

/** Small enough that several make a push and one is no burden, large enough to be few. */
const CHUNK_BYTES = 512 * 1024

export interface EncoderOptions {
  readonly streams: Streams
  /** Whose an alert is; empty where Loki has one tenant. */
  readonly tenantOf: (alert: Alert) => string
  /** On every entry. */
  readonly fixed?: Fixed
}

export type Encode = (
  alerts: Iterable<Alert>,
  toEventId: (alert: Alert) => string,
  nowMilliseconds: number,
) => Promise<readonly Chunk[]>

interface Item {
  readonly alert: Alert
  readonly placed: Placed
  readonly eventId: string
}

/** Each log stream keeps its order, in a chunk and from one to the next. One call at a time. */
export function createEncoder({ streams, tenantOf, fixed }: EncoderOptions): Encode {
  const writer = new JsonWriter()
  const packer = createPacker()

  async function finish(tenant: string, entries: number): Promise<Chunk> {
    const plain = writer.written
    const body = await packer.pack(plain)
    writer.clear()
    return { tenant, entries, plainBytes: plain.length, body }
  }

  async function encodeTenant(tenant: string, items: Grouped): Promise<readonly Chunk[]> {
    const chunks: Chunk[] = []
    let entries = 0
    for (const [labels, ofStream] of items) {
      let isOpen = false
      for (const { alert, placed, eventId } of ofStream) {
        if (isOpen) writer.raw(',')
        else writer.utf8(`${writer.length === 0 ? '' : ','}{"stream":${labels},"values":[`)
        isOpen = true
        writeEntry(writer, alert, placed, eventId, fixed)
        entries++
        if (writer.length < CHUNK_BYTES) continue
        writer.raw(']}')
        isOpen = false
        chunks.push(await finish(tenant, entries))
        entries = 0
      }
      if (isOpen) writer.raw(']}')
    }
    if (entries > 0) chunks.push(await finish(tenant, entries))
    return chunks
  }

  return async (alerts, toEventId, nowMilliseconds) => {
    const tenants = new Map<string, Map<string, Item[]>>()
    for (const alert of alerts) {
      const placed = streams.place(alert, nowMilliseconds)
      const item = { alert, placed, eventId: toEventId(alert) }
      const ofTenant = getOrPut(tenants, tenantOf(alert), () => new Map<string, Item[]>())
      getOrPut(ofTenant, placed.labels, () => []).push(item)
    }
    const chunks: Chunk[] = []
    for (const [tenant, items] of tenants) chunks.push(...(await encodeTenant(tenant, items)))
    return chunks
  }
}

/** By the labels of their log stream. */
type Grouped = ReadonlyMap<string, readonly Item[]>

function getOrPut<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function renderStream(labels: string, values: string): string {
  return `{"stream":${labels},"values":[${values}]}`
}

const HEAD = packNow('{"streams":[')
const COMMA = packNow(',')
const TAIL = packNow(']}')

/** The body of one push, as gzip. */
export function encodePush(bodies: readonly Buffer[]): Buffer {
  const joined = bodies.flatMap((body, index) => (index === 0 ? [body] : [COMMA, body]))
  return toGzip([HEAD, ...joined, TAIL])
}

export interface Part {
  readonly entries: number
  readonly plainBytes: number
  readonly body: Buffer
}

interface Piece {
  readonly labels: string
  readonly value: string
}

export interface Retimed {
  /** In their order, what is to be pushed again. */
  readonly part: Part
  /** Times that were given. */
  readonly given: ReadonlySet<bigint>
  /** Entries that are there already, and were left out. */
  readonly stored: number
}

/** Entries that were surely refused get another time and keep the true one as metadata. */
export function retimeBodies(bodies: readonly Buffer[], retime: Retime): Retimed {
  const pieces = bodies.flatMap((body) => toPieces(unpack(body)))
  const times = retime(pieces.map(toTimed))
  const left: Piece[] = []
  const given = new Set<bigint>()
  for (const [index, piece] of pieces.entries()) {
    const time = times[index]
    if (time === 'stored') continue
    left.push(time === undefined ? piece : toMoved(piece, time))
    if (time !== undefined) given.add(time)
  }
  return { part: toPart(left), given, stored: pieces.length - left.length }
}

function toTimed(piece: Piece): Timed {
  return { labels: piece.labels, nanoseconds: toTime(piece) }
}

function toTime({ value }: Piece): bigint {
  return BigInt(/^\["(\d+)"/.exec(value)?.[1] ?? 0)
}

function toMoved(piece: Piece, time: bigint): Piece {
  const parsed: unknown = JSON.parse(piece.value)
  if (!Array.isArray(parsed)) return piece
  const fields: readonly unknown[] = parsed
  const [, line, metadata] = fields
  const known = typeof metadata === 'object' && metadata !== null ? metadata : {}
  // Of an entry that was moved before, the true time is there already, and stays.
  const all = { event_time: toRfc3339(toTime(piece)), ...known }
  return { labels: piece.labels, value: JSON.stringify([String(time), line, all]) }
}

/** Bodies as two of about half the entries, in order; undefined for a single entry. */
export function halveBodies(bodies: readonly Buffer[]): readonly [Part, Part] | undefined {
  const pieces = bodies.flatMap((body) => toPieces(unpack(body)))
  if (pieces.length < 2) return undefined
  const middle = Math.ceil(pieces.length / 2)
  return [toPart(pieces.slice(0, middle)), toPart(pieces.slice(middle))]
}

function toPart(pieces: readonly Piece[]): Part {
  const streams = new Map<string, string[]>()
  for (const { labels, value } of pieces) {
    const values = streams.get(labels)
    if (values === undefined) streams.set(labels, [value])
    else values.push(value)
  }
  const bodies = Array.from(streams, ([labels, values]) => renderStream(labels, values.join(',')))
  const plain = bodies.join(',')
  return { entries: pieces.length, plainBytes: Buffer.byteLength(plain), body: packNow(plain) }
}

function toPieces(plain: Buffer): readonly Piece[] {
  const streams: unknown = JSON.parse(`[${plain.toString()}]`)
  if (!Array.isArray(streams)) return []
  return streams.flatMap((stream: unknown): Piece[] => {
    if (typeof stream !== 'object' || stream === null) return []
    if (!('stream' in stream) || !('values' in stream) || !Array.isArray(stream.values)) return []
    const labels = JSON.stringify(stream.stream)
    return stream.values.map((value: unknown) => ({ labels, value: JSON.stringify(value) }))
  })
}
