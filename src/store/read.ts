/** Reads back what earlier runs kept. */
import type { Position } from '../alert.js'
import type { ScraperRecord, SeriesRecord } from '../series/index.js'
import type { Database } from './open.js'
import { OUTBOX_PREFIX, parseRef, type ChunkRef } from './outbox.js'
import {
  HIDDEN_PREFIX,
  POSITION_PREFIX,
  SCRAPER_PREFIX,
  SERIES_PREFIX,
  toPosition,
  toScraper,
  toSeries,
} from './records.js'

export interface Kept {
  readonly series: readonly SeriesRecord[]
  readonly positions: ReadonlyMap<string, Position>
  readonly scrapers: readonly ScraperRecord[]
  readonly hiddenSeries: number
  /** No new series may have this birth or an earlier one: some scraper has seen it. */
  readonly lastBirth: number
}

export async function readKept(database: Database): Promise<Kept> {
  const series: SeriesRecord[] = []
  for await (const [key, text] of pairs(database, SERIES_PREFIX)) {
    const record = toSeries(key, text)
    if (record !== undefined) series.push(record)
  }
  const positions = new Map<string, Position>()
  for await (const [daemon, text] of pairs(database, POSITION_PREFIX)) {
    const position = toPosition(text)
    if (position !== undefined) positions.set(daemon, position)
  }
  const scrapers: ScraperRecord[] = []
  for await (const [name, text] of pairs(database, SCRAPER_PREFIX)) {
    const record = toScraper(name, text)
    if (record !== undefined) scrapers.push(record)
  }
  let hiddenSeries = 0
  const hidden = database.keys(range(HIDDEN_PREFIX))
  while ((await hidden.next()) !== undefined) hiddenSeries++
  await hidden.close()
  const lastBirth = scrapers.reduce((last, { shownBirth }) => Math.max(last, shownBirth), 0)
  return { series, positions, scrapers, hiddenSeries, lastBirth }
}

async function* pairs(database: Database, prefix: string): AsyncGenerator<[string, string]> {
  for await (const [key, value] of database.iterator(range(prefix))) {
    yield [key.slice(prefix.length), value.toString()]
  }
}

export async function readRefs(database: Database): Promise<readonly ChunkRef[]> {
  const refs: ChunkRef[] = []
  for await (const key of database.keys(range(OUTBOX_PREFIX))) {
    const ref = parseRef(key)
    if (ref !== undefined) refs.push(ref)
  }
  return refs
}

/** `0` is the character behind `/`, with which each prefix ends. */
function range(prefix: string): { gt: string; lt: string } {
  return { gt: prefix, lt: `${prefix.slice(0, -1)}0` }
}
