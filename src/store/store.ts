/** The embedded store: opens, reads back, commits. See index.ts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Position } from '../alert.js'
import type { ScraperRecord, SeriesRecord } from '../series/index.js'
import { createTurns } from '../waits.js'
import { openDatabase } from './open.js'
import { createOutbox, type Chunk, type ChunkRef, type Outbox } from './outbox.js'
import { readKept, readRefs, type Kept } from './read.js'
import {
  fromPosition,
  fromScraper,
  fromSeries,
  HIDDEN_PREFIX,
  POSITION_PREFIX,
  SCRAPER_PREFIX,
  SERIES_PREFIX,
  toSeries,
} from './records.js'

/** Instead of a directory: a fresh one that goes with the process, for trying out. */
export const TEMPORARY = ':temporary:'

/** What belongs together: all of it is kept, or nothing. */
export interface Transaction {
  readonly series: readonly SeriesRecord[]
  /** By daemon. */
  readonly positions: ReadonlyMap<string, Position>
  readonly chunks: readonly Chunk[]
  /** Keys of series among them that were hidden. */
  readonly revived: readonly string[]
}

export interface OutboxLimits {
  readonly bytes: number
  readonly ageMilliseconds: number
}

export interface WaitingChunks {
  readonly entries: number
  /** On disk. */
  readonly bytes: number
  readonly plainBytes: number
  readonly oldestMilliseconds: number | undefined
}

export interface Store {
  readonly kept: Kept
  /** Name of the damaged store that was moved aside at the start. */
  readonly movedAside: string | undefined
  /** Durable when it resolves. Doing it again after a failure is harmless. */
  commit(transaction: Transaction, nowMilliseconds: number): Promise<void>
  /** Puts idle series where they are kept but not loaded; gives back how many had no room. */
  hide(records: readonly SeriesRecord[]): Promise<number>
  findHidden(keys: Iterable<string>): Promise<ReadonlyMap<string, SeriesRecord>>
  readonly hiddenSeries: number
  keepScraper(record: ScraperRecord): Promise<void>
  /** A tenant's oldest chunks, up to the bounds; the same ones again until they are finished. */
  nextChunks(limits: BatchLimits, tenant: string): Promise<LoadedChunks>
  /** Tenants for whom something waits. */
  tenants(): ReadonlySet<string>
  /** Loki has them, or they are given up. */
  finish(refs: readonly ChunkRef[]): Promise<void>
  /** Another chunk, if it holds any, stands in the place of these. Durable when it resolves. */
  replace(refs: readonly ChunkRef[], chunk: Chunk): Promise<void>
  /** Gives up what is over the limits, oldest first; returns the number of entries by cause. */
  trim(limits: OutboxLimits, nowMilliseconds: number): Promise<TrimResult>
  readonly waiting: WaitingChunks
  close(): Promise<void>
}

export interface BatchLimits {
  readonly bytes: number
  readonly plainBytes: number
  readonly entries: number
}

export interface LoadedChunks {
  readonly refs: readonly ChunkRef[]
  readonly bodies: readonly Buffer[]
}

export interface TrimResult {
  readonly tooMany: number
  readonly tooOld: number
}

interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: Buffer
}

/** About 200 MB on disk at most; what does not fit is forgotten, and counts anew if it returns. */
const HIDDEN_LIMIT = 1_000_000
/** What was just committed is mostly pushed next: it need not be read back from disk. */
const FRESH_BYTES = 4 * 1024 * 1024

export async function openStore(wanted: string): Promise<Store> {
  const isTemporary = wanted === TEMPORARY
  const directory = isTemporary ? await mkdtemp(join(tmpdir(), 'peregrine-')) : wanted
  const { database, movedAside } = await openDatabase(directory)
  const kept = await readKept(database)
  const outbox = createOutbox(await readRefs(database))
  /** Chunks being pushed, by tenant: not given up for lack of room. */
  const loaded = new Map<string, ReadonlySet<ChunkRef>>()
  const fresh = createFresh()
  let { hiddenSeries } = kept
  let isBroken = false

  const inTurn = createTurns()

  /** LevelDB refuses all writes after a failed one until it is opened again. */
  async function write(work: () => Promise<void>): Promise<void> {
    try {
      if (isBroken) {
        await database.close()
        await database.open()
        isBroken = false
      }
      await work()
    } catch (error) {
      isBroken = true
      throw error
    }
  }

  async function drop(refs: readonly ChunkRef[]): Promise<void> {
    if (refs.length === 0) return
    await write(() => database.batch(refs.map(({ key }) => ({ type: 'del', key }))))
    outbox.remove(new Set(refs))
    fresh.remove(refs)
  }

  return {
    kept,
    movedAside,

    commit: (transaction, nowMilliseconds) =>
      inTurn(async () => {
        const refs = outbox.name(transaction.chunks, nowMilliseconds)
        const puts = toPuts(transaction, refs)
        const dels = transaction.revived.map((key) => toDel(HIDDEN_PREFIX + key))
        await write(() => database.batch([...puts, ...dels], { sync: true }))
        hiddenSeries = Math.max(0, hiddenSeries - dels.length)
        outbox.add(refs)
        fresh.add(refs, transaction.chunks)
      }),

    hide: (records) =>
      inTurn(async () => {
        const room = Math.max(0, HIDDEN_LIMIT - hiddenSeries)
        const puts = records
          .slice(0, room)
          .map((record) => toPut(HIDDEN_PREFIX + record.key, fromSeries(record)))
        const dels = records.map(({ key }) => toDel(SERIES_PREFIX + key))
        await write(() => database.batch([...puts, ...dels], { sync: true }))
        hiddenSeries += puts.length
        return records.length - puts.length
      }),

    findHidden: (keys) =>
      inTurn(async () => {
        const wanted = [...keys]
        const texts = await database.getMany(wanted.map((key) => HIDDEN_PREFIX + key))
        const found = new Map<string, SeriesRecord>()
        for (const [index, key] of wanted.entries()) {
          const record = toSeries(key, texts[index]?.toString() ?? '')
          if (record !== undefined) found.set(key, record)
        }
        return found
      }),

    get hiddenSeries() {
      return hiddenSeries
    },

    // Not synced: it must outlive this process, not a power cut.
    keepScraper: (record) =>
      inTurn(() =>
        write(() => database.put(SCRAPER_PREFIX + record.name, Buffer.from(fromScraper(record)))),
      ),

    nextChunks: (limits, tenant) =>
      inTurn(async () => {
        const refs = takeWhileFits(outbox.refs, limits, tenant)
        loaded.set(tenant, new Set(refs))
        const missing = refs.filter((ref) => fresh.get(ref) === undefined)
        const read = missing.length === 0 ? [] : await database.getMany(missing.map(toRefKey))
        const fromDisk = new Map(missing.map((ref, index) => [ref, read[index]]))
        const bodies = refs.map((ref) => fresh.get(ref) ?? fromDisk.get(ref) ?? Buffer.alloc(0))
        return { refs, bodies }
      }),

    tenants: () => new Set(outbox.refs.map(({ tenant }) => tenant)),

    finish: (refs) =>
      inTurn(async () => {
        await drop(refs)
        for (const { tenant } of refs) loaded.delete(tenant)
      }),

    replace: (refs, chunk) =>
      inTurn(async () => {
        const names = outbox.rename(refs, chunk)
        const puts = toOutboxPuts([chunk], names)
        const dels = refs.map(({ key }) => ({ type: 'del' as const, key }))
        await write(() => database.batch([...dels, ...puts], { sync: true }))
        outbox.remove(new Set(refs))
        fresh.remove(refs)
        outbox.add(names)
        fresh.add(names, [chunk])
        for (const { tenant } of refs) loaded.delete(tenant)
      }),

    trim: (limits, nowMilliseconds) =>
      inTurn(async () => {
        const held = new Set([...loaded.values()].flatMap((refs) => [...refs]))
        const { tooMany, tooOld } = findExcess(outbox, held, limits, nowMilliseconds)
        await drop([...tooOld, ...tooMany])
        return { tooMany: sumOf(tooMany, 'entries'), tooOld: sumOf(tooOld, 'entries') }
      }),

    get waiting() {
      const oldestMilliseconds = outbox.refs[0]?.atMilliseconds
      const { entries, bytes, plainBytes } = outbox
      return { entries, bytes, plainBytes, oldestMilliseconds }
    },

    async close() {
      await database.close()
      if (isTemporary) await rm(directory, { recursive: true, force: true })
    },
  }
}

function findExcess(
  outbox: Outbox,
  loaded: ReadonlySet<ChunkRef>,
  limits: OutboxLimits,
  nowMilliseconds: number,
): { readonly tooMany: readonly ChunkRef[]; readonly tooOld: readonly ChunkRef[] } {
  const oldest = nowMilliseconds - limits.ageMilliseconds
  // The table is in order of age: nothing to look at while its ends are inside the limits.
  const first = outbox.refs[0]
  const isInside = first === undefined || first.atMilliseconds >= oldest
  if (outbox.bytes <= limits.bytes && isInside) return { tooMany: [], tooOld: [] }
  const free = outbox.refs.filter((ref) => !loaded.has(ref))
  const firstYoung = free.findIndex(({ atMilliseconds }) => atMilliseconds >= oldest)
  const tooOld = firstYoung < 0 ? free : free.slice(0, firstYoung)
  let over = outbox.bytes - limits.bytes - sumOf(tooOld, 'bytes')
  const tooMany: ChunkRef[] = []
  for (const ref of free.slice(tooOld.length)) {
    if (over <= 0) break
    tooMany.push(ref)
    over -= ref.bytes
  }
  return { tooMany, tooOld }
}

function toPuts(transaction: Transaction, refs: readonly ChunkRef[]): Put[] {
  const puts: Put[] = []
  for (const record of transaction.series) {
    puts.push(toPut(SERIES_PREFIX + record.key, fromSeries(record)))
  }
  for (const [daemon, position] of transaction.positions) {
    puts.push(toPut(POSITION_PREFIX + daemon, fromPosition(position)))
  }
  return [...puts, ...toOutboxPuts(transaction.chunks, refs)]
}

function toOutboxPuts(chunks: readonly Chunk[], refs: readonly ChunkRef[]): Put[] {
  return chunks.flatMap(({ body }, index) => {
    const ref = refs[index]
    return ref === undefined ? [] : [{ type: 'put', key: ref.key, value: body }]
  })
}

/** Bodies of chunks that were added last, up to a bound; the rest is on disk alone. */
function createFresh() {
  const bodies = new Map<ChunkRef, Buffer>()
  let bytes = 0
  return {
    get: (ref: ChunkRef) => bodies.get(ref),
    add(refs: readonly ChunkRef[], chunks: readonly Chunk[]): void {
      for (const [index, ref] of refs.entries()) {
        const body = chunks[index]?.body
        if (body === undefined || bytes + ref.bytes > FRESH_BYTES) continue
        bodies.set(ref, body)
        bytes += ref.bytes
      }
    },
    remove(refs: readonly ChunkRef[]): void {
      for (const ref of refs) if (bodies.delete(ref)) bytes -= ref.bytes
    },
  }
}

function toRefKey({ key }: ChunkRef): string {
  return key
}

function toDel(key: string): { readonly type: 'del'; readonly key: string } {
  return { type: 'del', key }
}

function toPut(key: string, text: string): Put {
  return { type: 'put', key, value: Buffer.from(text) }
}

function takeWhileFits(
  refs: readonly ChunkRef[],
  limits: BatchLimits,
  tenant: string,
): readonly ChunkRef[] {
  const taken: ChunkRef[] = []
  const sum = { bytes: 0, plainBytes: 0, entries: 0 }
  for (const ref of refs) {
    if (ref.tenant !== tenant) continue
    sum.bytes += ref.bytes
    sum.plainBytes += ref.plainBytes
    sum.entries += ref.entries
    const isOver =
      sum.bytes > limits.bytes || sum.plainBytes > limits.plainBytes || sum.entries > limits.entries
    if (taken.length > 0 && isOver) break
    taken.push(ref)
  }
  return taken
}

function sumOf(refs: readonly ChunkRef[], what: 'entries' | 'bytes'): number {
  return refs.reduce((total, ref) => total + ref[what], 0)
}
