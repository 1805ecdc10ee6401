/**
 * The outbox's table of contents: which chunks wait for Loki, oldest first.
 *
 * A chunk is what one commit left for Loki: rendered and packed bytes, never changed, so that a
 * second push of it is the same to the byte. What is known of a chunk stands in its key, so opening
 * a store reads keys only.
 */

/** Rendered and packed entries, ready to be joined with others into a push. */
export interface Chunk {
  /** Empty where Loki has one tenant. */
  readonly tenant: string
  readonly entries: number
  /** Size of the entries before they were packed. */
  readonly plainBytes: number
  readonly body: Buffer
}

export interface ChunkRef {
  readonly key: string
  readonly tenant: string
  readonly index: number
  readonly entries: number
  readonly bytes: number
  readonly plainBytes: number
  readonly atMilliseconds: number
}

export interface Outbox {
  readonly refs: readonly ChunkRef[]
  readonly entries: number
  readonly bytes: number
  readonly plainBytes: number
  /** Names for new chunks; nothing waits until `add`. */
  name(chunks: readonly Chunk[], nowMilliseconds: number): readonly ChunkRef[]
  /** A name for a chunk that holds any, in the place and of the age of the first of these. */
  rename(refs: readonly ChunkRef[], chunk: Chunk): readonly ChunkRef[]
  add(refs: readonly ChunkRef[]): void
  remove(refs: ReadonlySet<ChunkRef>): void
}

export const OUTBOX_PREFIX = 'outbox/'

export function createOutbox(kept: readonly ChunkRef[]): Outbox {
  let refs = [...kept].sort((a, b) => a.index - b.index)
  let entries = sum(refs, 'entries')
  let bytes = sum(refs, 'bytes')
  let plainBytes = sum(refs, 'plainBytes')
  let nextIndex = (refs.at(-1)?.index ?? 0) + 1
  return {
    get refs() {
      return refs
    },
    get entries() {
      return entries
    },
    get bytes() {
      return bytes
    },
    get plainBytes() {
      return plainBytes
    },
    name: (chunks, nowMilliseconds) =>
      chunks.map((chunk, offset) => toRef(nextIndex + offset, chunk, nowMilliseconds)),
    rename: ([first], chunk) =>
      first === undefined || chunk.entries === 0
        ? []
        : [toRef(first.index, chunk, first.atMilliseconds)],
    add(added) {
      const isLast = (added[0]?.index ?? nextIndex) >= nextIndex
      refs.push(...added)
      if (!isLast) refs.sort((a, b) => a.index - b.index)
      entries += sum(added, 'entries')
      bytes += sum(added, 'bytes')
      plainBytes += sum(added, 'plainBytes')
      nextIndex = Math.max(nextIndex, (added.at(-1)?.index ?? 0) + 1)
    },
    remove(removed) {
      const gone = refs.filter((ref) => removed.has(ref))
      refs = refs.filter((ref) => !removed.has(ref))
      entries -= sum(gone, 'entries')
      bytes -= sum(gone, 'bytes')
      plainBytes -= sum(gone, 'plainBytes')
    },
  }
}

function toRef(index: number, chunk: Chunk, atMilliseconds: number): ChunkRef {
  const { tenant, entries, plainBytes, body } = chunk
  const order = index.toString(16).padStart(14, '0')
  const sizes = [entries, body.length, plainBytes]
  const key =
    OUTBOX_PREFIX + [order, ...sizes, atMilliseconds, encodeURIComponent(tenant)].join('/')
  return { key, tenant, index, entries, bytes: body.length, plainBytes, atMilliseconds }
}

export function parseRef(key: string): ChunkRef | undefined {
  const parts = /^outbox\/([0-9a-f]{14})\/(\d+)\/(\d+)\/(\d+)\/(\d+)\/([^/]*)$/.exec(key)
  if (parts === null) return undefined
  const [, order = '', entries, bytes, plainBytes, at, tenant = ''] = parts
  return {
    key,
    tenant: decodeURIComponent(tenant),
    index: Number.parseInt(order, 16),
    entries: Number(entries),
    bytes: Number(bytes),
    plainBytes: Number(plainBytes),
    atMilliseconds: Number(at),
  }
}

function sum(refs: readonly ChunkRef[], what: 'entries' | 'bytes' | 'plainBytes'): number {
  return refs.reduce((total, ref) => total + ref[what], 0)
}
