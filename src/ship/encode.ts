/**
 * Entries to bytes. A chunk's body is a run of stream objects without the brackets around:
 *
 *   {"stream":{…},"values":[["<ns>","<line>",{…}],…]},{"stream":…}
 *
 * so that chunks are joined to a push by commas and never rendered again.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Chunk } from '../store/index.js'
import type { Entry } from './entry.js'

/** Small enough that several make a push and one is no burden, large enough to be few. */
const CHUNK_BYTES = 512 * 1024

/** Chunks in the order of the entries; in one chunk, each log stream keeps its order. */
export function encodeChunks(entries: Iterable<Entry>): readonly Chunk[] {
  const chunks: Chunk[] = []
  let streams = new Map<string, string[]>()
  let count = 0
  let size = 0
  const flush = (): void => {
    if (count > 0) chunks.push({ entries: count, body: Buffer.from(joinStreams(streams)) })
    streams = new Map()
    count = 0
    size = 0
  }
  for (const entry of entries) {
    const value = encodeValue(entry)
    const values = streams.get(entry.labels)
    if (values === undefined) streams.set(entry.labels, [value])
    else values.push(value)
    count++
    size += value.length
    if (size >= CHUNK_BYTES) flush()
  }
  flush()
  return chunks
}

function encodeValue({ timeNanoseconds, line, metadata }: Entry): string {
  return `["${timeNanoseconds}",${JSON.stringify(line)},${JSON.stringify(metadata)}]`
}

function joinStreams(streams: ReadonlyMap<string, readonly string[]>): string {
  return Array.from(
    streams,
    ([labels, values]) => `{"stream":${labels},"values":[${values.join(',')}]}`,
  ).join(',')
}

const compress = promisify(gzip)
/** Level 1: two thirds of the work of level 6 and hardly larger on log lines. */
const GZIP = { level: 1 }

/** The body of one push. */
export function encodePush(bodies: readonly Buffer[]): Promise<Buffer> {
  const parts: Buffer[] = [Buffer.from('{"streams":[')]
  for (const [index, body] of bodies.entries()) {
    if (index > 0) parts.push(Buffer.from(','))
    parts.push(body)
  }
  parts.push(Buffer.from(']}'))
  return compress(Buffer.concat(parts), GZIP)
}

interface Piece {
  readonly labels: string
  readonly value: string
}

/** Cuts one body into two of about half the entries, in order; undefined for a single entry. */
export function splitBody(body: Buffer): readonly [Chunk, Chunk] | undefined {
  const pieces = toPieces(body)
  if (pieces.length < 2) return undefined
  const middle = Math.ceil(pieces.length / 2)
  return [toChunk(pieces.slice(0, middle)), toChunk(pieces.slice(middle))]
}

function toChunk(pieces: readonly Piece[]): Chunk {
  const streams = new Map<string, string[]>()
  for (const { labels, value } of pieces) {
    const values = streams.get(labels)
    if (values === undefined) streams.set(labels, [value])
    else values.push(value)
  }
  return { entries: pieces.length, body: Buffer.from(joinStreams(streams)) }
}

function toPieces(body: Buffer): readonly Piece[] {
  const streams: unknown = JSON.parse(`[${body.toString()}]`)
  if (!Array.isArray(streams)) return []
  return streams.flatMap((stream: unknown): Piece[] => {
    if (typeof stream !== 'object' || stream === null) return []
    if (!('stream' in stream) || !('values' in stream) || !Array.isArray(stream.values)) return []
    const labels = JSON.stringify(stream.stream)
    return stream.values.map((value: unknown) => ({ labels, value: JSON.stringify(value) }))
  })
}
