/** The store's values as text, and back; a value that cannot be read back is left out. */
import type { Position } from '../alert.js'
import type { ScraperRecord, SeriesRecord } from '../series/index.js'

export const SERIES_PREFIX = 'series/'
/** Idle series: not shown, not loaded at the start, not forgotten. */
export const HIDDEN_PREFIX = 'hidden/'
export const POSITION_PREFIX = 'position/'
export const SCRAPER_PREFIX = 'scraper/'

export function fromSeries(record: SeriesRecord): string {
  const { birth, bornMilliseconds, base, count, lastSeenMilliseconds } = record
  return `${birth} ${bornMilliseconds} ${count} ${lastSeenMilliseconds} ${base}`
}

export function toSeries(key: string, text: string): SeriesRecord | undefined {
  const numbers = toNumbers(text, 5)
  if (numbers === undefined) return undefined
  const [birth = 0, bornMilliseconds = 0, count = 0, lastSeenMilliseconds = 0, base = 0] = numbers
  return { key, birth, bornMilliseconds, base, count, lastSeenMilliseconds }
}

export function fromPosition({ streamId, sequence }: Position): string {
  return `${sequence} ${streamId}`
}

export function toPosition(text: string): Position | undefined {
  const parts = /^(\d+) (.*)$/s.exec(text)
  if (parts === null) return undefined
  const [, sequence = '0', streamId = ''] = parts
  return { streamId, sequence: BigInt(sequence) }
}

export function fromScraper({ shownBirth, atMilliseconds }: ScraperRecord): string {
  return `${shownBirth} ${atMilliseconds}`
}

export function toScraper(name: string, text: string): ScraperRecord | undefined {
  const numbers = toNumbers(text, 2)
  if (numbers === undefined) return undefined
  const [shownBirth = 0, atMilliseconds = 0] = numbers
  return { name, shownBirth, atMilliseconds }
}

function toNumbers(text: string, count: number): readonly number[] | undefined {
  const numbers = text.split(' ').map(Number)
  const isWhole = numbers.length === count && numbers.every((number) => Number.isFinite(number))
  return isWhole ? numbers : undefined
}
