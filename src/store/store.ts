/** The embedded store: opens, reads back, commits. See index.ts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Position } from '../alert.js'
import type { ScraperRecord, SeriesRecord } from '../series/index.js'
import { openDatabase } from './open.js'
import { createOutbox, type Chunk, type ChunkRef, type Outbox } from './outbox.js'
import { readKept, readRefs, type Kept } from './read.js'
import {
  fromPosition,
  fromScraper,
  fromSeries,
  POSITION_PREFIX,
  SCRAPER_PREFIX,
  SERIES_PREFIX,
} from './records.js'

/** Instead of a directory: a fresh one that goes with the process, for trying out. */
export const TEMPORARY = ':temporary:'

/** What belongs together: all of it is kept, or nothing. */
export interface Transaction {
  readonly series: readonly SeriesRecord[]
  /** By daemon. */
  readonly positions: ReadonlyMap<string, Position>
  readonly chunks: readonly Chunk[]
}

export interface OutboxLimits {
  readonly bytes: number
  readonly ageMilliseconds: number
}

export interface WaitingChunks {
  readonly entries: number
  readonly bytes: number
  readonly oldestMilliseconds: number | undefined
}

export interface Store {
  readonly kept: Kept
  /** Name of the damaged store that was moved aside at the start. */
  readonly movedAside: string | undefined
  /** Durable when it resolves. Doing it again after a failure is harmless. */
  commit(transaction: Transaction, nowMilliseconds: number): Promise<void>
  keepScraper(record: ScraperRecord): Promise<void>
  /** The oldest chunks, up to the bounds; the same ones again until they are finished. */
  nextChunks(limits: { readonly bytes: number; readonly entries: number }): Promise<LoadedChunks>
  /** Loki has them, or they are given up. */
  finish(refs: readonly ChunkRef[]): Promise<void>
  /** Gives up what is over the limits, oldest first; returns the number of entries by cause. */
  trim(limits: OutboxLimits, nowMilliseconds: number): Promise<TrimResult>
  readonly waiting: WaitingChunks
  close(): Promise<void>
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

export async function openStore(wanted: string): Promise<Store> {
  const isTemporary = wanted === TEMPORARY
  const directory = isTemporary ? await mkdtemp(join(tmpdir(), 'peregrine-')) : wanted
  const { database, movedAside } = await openDatabase(directory)
  const kept = await readKept(database)
  const outbox = createOutbox(await readRefs(database))
  /** Chunks being pushed: not given up for lack of room. */
  let loaded: ReadonlySet<ChunkRef> = new Set()
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
  }

  return {
    kept,
    movedAside,

    commit: (transaction, nowMilliseconds) =>
      inTurn(async () => {
        const refs = outbox.name(transaction.chunks, nowMilliseconds)
        const puts = toPuts(transaction, refs)
        await write(() => database.batch(puts, { sync: true }))
        outbox.add(refs)
      }),

    // Not synced: it must outlive this process, not a power cut.
    keepScraper: (record) =>
      inTurn(() =>
        write(() => database.put(SCRAPER_PREFIX + record.name, Buffer.from(fromScraper(record)))),
      ),

    nextChunks: (limits) =>
      inTurn(async () => {
        const refs = takeWhileFits(outbox.refs, limits)
        loaded = new Set(refs)
        const bodies = await database.getMany(refs.map(({ key }) => key))
        return { refs, bodies: bodies.map((body) => body ?? Buffer.alloc(0)) }
      }),

    finish: (refs) =>
      inTurn(async () => {
        await drop(refs)
        loaded = new Set()
      }),

    trim: (limits, nowMilliseconds) =>
      inTurn(async () => {
        const { tooMany, tooOld } = findExcess(outbox, loaded, limits, nowMilliseconds)
        await drop([...tooOld, ...tooMany])
        return { tooMany: sumOf(tooMany, 'entries'), tooOld: sumOf(tooOld, 'entries') }
      }),

    get waiting() {
      const oldestMilliseconds = outbox.refs[0]?.atMilliseconds
      return { entries: outbox.entries, bytes: outbox.bytes, oldestMilliseconds }
    },

    async close() {
      await database.close()
      if (isTemporary) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Runs one piece of work after the other, in the order of the calls. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work, work)
    last = turn
    return turn
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
  for (const [offset, { body }] of transaction.chunks.entries()) {
    const ref = refs[offset]
    if (ref !== undefined) puts.push({ type: 'put', key: ref.key, value: body })
  }
  return puts
}

function toPut(key: string, text: string): Put {
  return { type: 'put', key, value: Buffer.from(text) }
}

function takeWhileFits(
  refs: readonly ChunkRef[],
  limits: { readonly bytes: number; readonly entries: number },
): readonly ChunkRef[] {
  const taken: ChunkRef[] = []
  let bytes = 0
  let entries = 0
  for (const ref of refs) {
    bytes += ref.bytes
    entries += ref.entries
    if (taken.length > 0 && (bytes > limits.bytes || entries > limits.entries)) break
    taken.push(ref)
  }
  return taken
}

function sumOf(refs: readonly ChunkRef[], what: 'entries' | 'bytes'): number {
  return refs.reduce((total, ref) => total + ref[what], 0)
}
