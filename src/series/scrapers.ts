/**
 * Who scrapes, and what each has been shown: the first zero.
 *
 * A series that is born at 1 has no `increase()`: there is nothing before the 1 to compare it
 * with. So each scraper sees a series that was born since its own previous scrape once as 0,
 * and from the next scrape on at its true value. A scraper not seen before gets the zero for
 * what was born within the last two minutes; older series it takes as they are, as history.
 *
 * A series that was hidden and is back was born anew: it is first shown with the count it had,
 * for the same reason.
 *
 * The memory follows births, not clocks: a jump of the clock neither hides nor repeats a zero.
 * It moves on only when an answer was handed over whole, and it is kept over restarts: a zero
 * shown twice would look like a counter reset, and the event would count twice.
 */

export interface ScraperRecord {
  readonly name: string
  /** Every series born up to this one has been shown. */
  readonly shownBirth: number
  readonly atMilliseconds: number
}

/** One answer to one scraper. */
export interface Showing {
  /** Series born later are left for the next scrape. */
  readonly lastBirth: number
  showsBase(series: { readonly birth: number; readonly bornMilliseconds: number }): boolean
}

export interface Scrapers {
  /** `name` is undefined for a reader that is no scraper: it sees true values. */
  show(name: string | undefined, lastBirth: number, nowMilliseconds: number): Showing
  /** The answer arrived; gives back what is to be kept. */
  shown(name: string, showing: Showing, nowMilliseconds: number): ScraperRecord
  readonly size: number
}

/** Prometheus pairs, a few tools; more are forgotten, the longest unseen first. */
const CAPACITY = 64
const NEW_SCRAPER_MILLISECONDS = 120_000

export function createScrapers(kept: Iterable<ScraperRecord> = []): Scrapers {
  const scrapers = new Map<string, ScraperRecord>()
  for (const record of [...kept].sort((a, b) => a.atMilliseconds - b.atMilliseconds)) {
    remember(record)
  }

  function remember(record: ScraperRecord): void {
    scrapers.delete(record.name)
    scrapers.set(record.name, record)
    const [oldest] = scrapers.keys()
    if (scrapers.size > CAPACITY && oldest !== undefined) scrapers.delete(oldest)
  }

  return {
    show(name, lastBirth, nowMilliseconds) {
      if (name === undefined) return { lastBirth, showsBase: () => false }
      const known = scrapers.get(name)
      if (known !== undefined) {
        return { lastBirth, showsBase: ({ birth }) => birth > known.shownBirth }
      }
      const youngest = nowMilliseconds - NEW_SCRAPER_MILLISECONDS
      return { lastBirth, showsBase: ({ bornMilliseconds }) => bornMilliseconds >= youngest }
    },
    shown(name, showing, nowMilliseconds) {
      const before = scrapers.get(name)?.shownBirth ?? 0
      const shownBirth = Math.max(before, showing.lastBirth)
      const record = { name, shownBirth, atMilliseconds: nowMilliseconds }
      remember(record)
      return record
    },
    get size() {
      return scrapers.size
    },
  }
}

/**
 * Only Prometheus and its kin send the header; a person's browser or curl does not. Two that
 * share an address and a version can tell themselves apart by a `scraper` parameter.
 */
export function toScraperName(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  address: string,
  parameter = '',
): string | undefined {
  if (headers['x-prometheus-scrape-timeout-seconds'] === undefined) return undefined
  const agent = headers['user-agent']
  const name = `${address} ${typeof agent === 'string' ? agent.slice(0, 200) : ''}`
  return parameter === '' ? name : `${name} ${parameter.slice(0, 100)}`
}
