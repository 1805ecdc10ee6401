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

/** The connection that a scrape came over; a socket is one. */
export interface Connection {
  readonly destroyed: boolean
  readonly readableEnded: boolean
}

/** One answer to one scraper. */
export interface Showing {
  /** Undefined for a reader that is no scraper. */
  readonly scraper: string | undefined
  /** Series born later are left for the next scrape. */
  readonly lastBirth: number
  /** True where no base is shown at all: such answers are the same for everybody. */
  readonly isPlain: boolean
  showsBase(series: { readonly birth: number; readonly bornMilliseconds: number }): boolean
}

export interface Scrapers {
  /** `from` is undefined for a reader that is no scraper: it sees true values. */
  show(
    from: { readonly name: string; readonly connection: Connection } | undefined,
    lastBirth: number,
    nowMilliseconds: number,
  ): Showing
  /** The answer arrived; gives back what is to be kept. */
  shown(scraper: string, showing: Showing, nowMilliseconds: number): ScraperRecord
  readonly size: number
}

/** Prometheus pairs, a few tools; more are forgotten, the longest unseen first. */
const CAPACITY = 64
const NEW_SCRAPER_MILLISECONDS = 120_000

export function createScrapers(kept: Iterable<ScraperRecord> = []): Scrapers {
  const scrapers = new Map<string, ScraperRecord>()
  const connections = new Map<string, Connection>()
  const scraperOf = new WeakMap<Connection, string>()
  for (const record of [...kept].sort((a, b) => a.atMilliseconds - b.atMilliseconds)) {
    remember(record)
  }

  function remember(record: ScraperRecord): void {
    scrapers.delete(record.name)
    scrapers.set(record.name, record)
    const [oldest] = scrapers.keys()
    if (scrapers.size <= CAPACITY || oldest === undefined) return
    scrapers.delete(oldest)
    connections.delete(oldest)
  }

  function isFree(scraper: string): boolean {
    const connection = connections.get(scraper)
    return connection === undefined || connection.destroyed || connection.readableEnded
  }

  /**
   * Two servers behind one address are told apart by their connections, which they keep. A new
   * connection goes on for the one that was cut off, the longest unseen first, since servers
   * take turns; only where none was it is somebody new.
   */
  function recognise(name: string, connection: Connection): string {
    const known = scraperOf.get(connection)
    if (known !== undefined) return known
    // In the order of the last scrape, the longest unseen first.
    const cutOff = [...scrapers.keys()].find((each) => isOf(each, name) && isFree(each))
    const scraper = cutOff ?? toFreeName(name)
    scraperOf.set(connection, scraper)
    connections.set(scraper, connection)
    return scraper
  }

  function toFreeName(name: string): string {
    for (let number = 1; number <= CAPACITY; number++) {
      const scraper = `${name}#${number}`
      if (!scrapers.has(scraper) && isFree(scraper)) return scraper
    }
    return `${name}#0`
  }

  return {
    show(from, lastBirth, nowMilliseconds) {
      if (from === undefined) {
        return { scraper: undefined, lastBirth, isPlain: true, showsBase: () => false }
      }
      const scraper = recognise(from.name, from.connection)
      const known = scrapers.get(scraper)
      if (known !== undefined) {
        const { shownBirth } = known
        const isPlain = shownBirth >= lastBirth
        return { scraper, lastBirth, isPlain, showsBase: ({ birth }) => birth > shownBirth }
      }
      const youngest = nowMilliseconds - NEW_SCRAPER_MILLISECONDS
      const showsBase: Showing['showsBase'] = ({ bornMilliseconds }) => bornMilliseconds >= youngest
      return { scraper, lastBirth, isPlain: false, showsBase }
    },
    shown(scraper, showing, nowMilliseconds) {
      const before = scrapers.get(scraper)?.shownBirth ?? 0
      const shownBirth = Math.max(before, showing.lastBirth)
      const record = { name: scraper, shownBirth, atMilliseconds: nowMilliseconds }
      remember(record)
      return record
    },
    get size() {
      return scrapers.size
    },
  }
}

function isOf(scraper: string, name: string): boolean {
  return scraper.slice(0, scraper.lastIndexOf('#')) === name
}

/**
 * Only Prometheus and its kin send the header; a person's browser or curl does not. Two that
 * share an address, a version and a proxy's connection can tell themselves apart by a `scraper`
 * parameter.
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
