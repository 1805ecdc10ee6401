/**
 * The exporter, put together: everything that lives, and the order in which it stops.
 *
 *   subscriptions ─► ledger ─► store ─► ship ─► Loki
 *                       └────► counts ─► serve
 */
import type { Logger } from 'pino'
import type { Alert } from './alert.js'
import { readLokiTarget, readTls, type Config } from './config/index.js'
import { createLedger, type Ledger } from './ledger/index.js'
import { createSelfMetrics, renderDaemonMetrics, type SelfMetrics } from './metrics/index.js'
import { createCounts, createScrapers, toBudget } from './series/index.js'
import { createServer, type PageFacts, type Readiness } from './serve/index.js'
import {
  createPusher,
  createShipHealth,
  encodeChunks,
  runShip,
  toEntry,
  trim,
  type Pusher,
  type ShipHealth,
} from './ship/index.js'
import { openStore, type OutboxLimits, type Store } from './store/index.js'
import {
  createHealth,
  runSubscription,
  type SubscriptionHealth,
  type TlsIdentity,
} from './subscribe/index.js'
import { toPrintable } from './text.js'
import { createBell } from './waits.js'

export interface Exporter {
  readonly port: number
  close(): Promise<void>
}

/** What the page shows; a person looks at the last screenful. */
const PAGE_ALERTS = 50
const PAGE_TEXT_BYTES = 2_000

export async function startExporter(
  config: Config,
  log: Logger,
  version: string,
): Promise<Exporter> {
  const clock = Date.now
  const tls = config.tls === undefined ? undefined : await readTls(config.tls)
  const target = config.loki === undefined ? undefined : await readLokiTarget(config.loki)
  const store = await openStore(config.stateDirectory)
  if (store.movedAside !== undefined) {
    log.error({ path: store.movedAside }, 'store was damaged; moved aside, counts begin anew')
  }
  if (target === undefined && store.waiting.entries > 0) {
    const { entries } = store.waiting
    log.warn({ entries }, 'entries of an earlier run wait in the outbox; --loki-url ships them')
  }
  const stop = new AbortController()
  const counts = createCounts(toBudget(config.seriesBudget), store.kept.series)
  const scrapers = createScrapers(store.kept.scrapers)
  const bell = createBell()
  const limits = { bytes: config.outboxBytes, ageMilliseconds: config.outboxAgeMilliseconds }
  const ship = target === undefined ? undefined : createShipHealth()
  const recent: Alert[] = []
  const subscriptions = config.daemons.map(({ name }) => createHealth(name))

  const ledger = createLedger({
    store,
    counts,
    encode:
      ship === undefined
        ? undefined
        : (alerts, toEventId) =>
            encodeChunks(alerts.map((alert) => toEntry(alert, toEventId(alert)))),
    clock,
    async committed({ detections, notices }, seconds) {
      self.observeCommit(seconds)
      remember(recent, detections)
      for (const { rule } of notices) log.debug({ rule }, 'notice from a daemon')
      if (ship === undefined) return
      if (store.waiting.bytes > limits.bytes) await trimNow(ship, store, limits, log)
      bell.ring()
    },
    changed: ({ trouble }) => {
      if (trouble === undefined) log.info('store works again')
      else log.error({ err: trouble }, 'store cannot be written; alerts wait')
    },
  })
  const self = createSelfMetrics({
    version,
    subscriptions,
    ledger: ledger.health,
    counts,
    seriesBudget: config.seriesBudget,
    store,
    ship,
    clock,
  })

  const server = await createServer({
    ...config.listen,
    counts,
    scrapers,
    renderSelf: async () => (await self.render()) + renderDaemonMetrics(subscriptions),
    readiness: () => toReadiness(subscriptions, ledger),
    page: () => toPage({ version, subscriptions, ledger, ship, store, recent }),
    keepScraper: (record) => {
      store.keepScraper(record).catch((error: unknown) => {
        log.debug({ err: String(error) }, 'scraper not kept')
      })
    },
    clock,
  }).catch(async (error: unknown) => {
    await store.close()
    throw error
  })

  const work = [
    ledger.run(stop.signal),
    ...startSubscriptions({ config, subscriptions, ledger, tls, log }, stop.signal),
  ]
  let pusher: Pusher | undefined
  if (target !== undefined && ship !== undefined) {
    pusher = createPusher(target, `peregrine/${version}`)
    work.push(startShip({ ship, store, pusher, limits, self, log, bell }, stop.signal))
  }

  let closing: Promise<void> | undefined
  return {
    port: server.port,
    close() {
      closing ??= (async () => {
        stop.abort()
        await Promise.all(work)
        await pusher?.close()
        await server.close()
        await store.close()
      })()
      return closing
    },
  }
}

interface SubscribeParts {
  readonly config: Config
  readonly subscriptions: readonly SubscriptionHealth[]
  readonly ledger: Ledger
  readonly tls: TlsIdentity | undefined
  readonly log: Logger
}

function startSubscriptions(parts: SubscribeParts, signal: AbortSignal): Promise<void>[] {
  const { config, subscriptions, ledger, tls, log } = parts
  return subscriptions.flatMap((health, index) => {
    const address = config.daemons[index]
    if (address === undefined) return []
    const options = {
      address,
      tls,
      fallbackHostname: config.hostname,
      position: () => ledger.position(address.name),
      take: (delivery: Parameters<Ledger['take']>[0]) => ledger.take(delivery),
      changed: createSubscriptionLog(log),
      clock: Date.now,
    }
    return [runSubscription(health, options, signal)]
  })
}

/** Says each change once: a daemon that is away for a night is one line, not thousands. */
function createSubscriptionLog(log: Logger): (health: SubscriptionHealth) => void {
  let last: string | undefined
  return ({ daemon, connected, protocol, lastError }) => {
    const state = connected ? `connected ${protocol ?? ''}` : `away ${lastError ?? ''}`
    if (state === last) return
    last = state
    if (connected) log.info({ daemon, protocol }, 'subscribed')
    else log.warn({ daemon, err: lastError }, 'daemon is away; trying again')
  }
}

interface ShipParts {
  readonly ship: ShipHealth
  readonly store: Store
  readonly pusher: Pusher
  readonly limits: OutboxLimits
  readonly self: SelfMetrics
  readonly log: Logger
  readonly bell: ReturnType<typeof createBell>
}

function startShip(parts: ShipParts, signal: AbortSignal): Promise<void> {
  const { ship, store, pusher, limits, self, log, bell } = parts
  const options = {
    store,
    pusher,
    limits,
    bell,
    clock: Date.now,
    changed: ({ trouble }: ShipHealth) => {
      if (trouble === undefined) log.info('Loki takes entries')
      else log.warn({ err: trouble }, 'Loki does not take entries; they wait in the outbox')
    },
    pushed: (seconds: number) => {
      self.observePush(seconds)
    },
    storeFailed: (error: unknown) => {
      log.debug({ err: String(error) }, 'outbox cannot be written')
    },
  }
  return runShip(ship, options, signal)
}

async function trimNow(
  ship: ShipHealth,
  store: Store,
  limits: OutboxLimits,
  log: Logger,
): Promise<void> {
  try {
    await trim(ship, store, limits, Date.now())
  } catch (error) {
    // The next commit tries again; the outbox is over its limit until then.
    log.debug({ err: String(error) }, 'outbox cannot be trimmed')
  }
}

/** Only what the page shows of an alert is held, so that huge ones do not stay in memory. */
function remember(recent: Alert[], alerts: readonly Alert[]): void {
  recent.unshift(...alerts.slice(-PAGE_ALERTS).reverse().map(toShown))
  recent.length = Math.min(recent.length, PAGE_ALERTS)
}

function toShown(alert: Alert): Alert {
  const shown = ['k8s.ns.name', 'k8s.pod.name'].flatMap((field): [string, string][] => {
    const value = alert.fields.get(field)
    return value === undefined ? [] : [[field, toPrintable(value, PAGE_TEXT_BYTES)]]
  })
  const output = toPrintable(alert.output, PAGE_TEXT_BYTES)
  return { ...alert, rule: toPrintable(alert.rule, 256), output, fields: new Map(shown), tags: [] }
}

function toReadiness(subscriptions: readonly SubscriptionHealth[], ledger: Ledger): Readiness {
  const waitingFor = subscriptions
    .filter(({ connected }) => !connected)
    .map(({ daemon, lastError }) => `${daemon}: ${lastError ?? 'not connected yet'}`)
  const { trouble } = ledger.health
  if (trouble !== undefined) waitingFor.push(`store: ${trouble}`)
  return { isReady: waitingFor.length === 0, waitingFor }
}

interface PageParts {
  readonly version: string
  readonly subscriptions: readonly SubscriptionHealth[]
  readonly ledger: Ledger
  readonly ship: ShipHealth | undefined
  readonly store: Store
  readonly recent: readonly Alert[]
}

function toPage(parts: PageParts): PageFacts {
  const { version, subscriptions, ledger, ship, store, recent: alerts } = parts
  const inputs = subscriptions.map((health) => ({
    name: health.daemon,
    state: health.connected
      ? `subscribed (${health.protocol ?? ''}), ${health.received} alerts received`
      : `away: ${health.lastError ?? 'not connected yet'}`,
  }))
  const outputs = [
    { name: 'Store', state: ledger.health.trouble ?? `${ledger.health.commits} commits` },
    {
      name: 'Loki',
      state:
        ship === undefined
          ? 'not configured'
          : (ship.trouble ?? `${ship.accepted} accepted, ${store.waiting.entries} waiting`),
    },
  ]
  return { version, inputs, outputs, alerts }
}
