/**
 * The exporter, put together: everything that lives, and the order in which it stops.
 *
 *   subscriptions, intake ─► ledger ─► store ─► ship ─► Loki
 *                               └────► counts, feed ─► serve
 *                               └────► notify ─► Alertmanager
 */
import type { Logger } from 'pino'
import { withContainerAsPod, type Alert } from './alert.js'
import {
  readIntakeSecrets,
  readLogin,
  readLokiTarget,
  readTls,
  type Config,
  type LokiConfig,
} from './config/index.js'
import { createCertificateWatch, toCertificateFiles } from './certificates.js'
import {
  createCertificateLog,
  createLokiLog,
  createMemberLog,
  createSubscriptionLog,
} from './changes.js'
import { toPageFacts, toReadiness } from './facts.js'
import { createIntake, type Intake, type IntakeSecrets } from './intake/index.js'
import { createLedger, type Ledger } from './ledger/index.js'
import { createLossWatch } from './losses.js'
import { EVERYTHING, selects } from './matcher.js'
import { createSelfMetrics, renderDaemonMetrics, type SelfMetrics } from './metrics/index.js'
import { createNotifier, type Notifier } from './notify/index.js'
import { createCounts, createScrapers, toBudget } from './series/index.js'
import { createFeed, createServer, readWebConfig, type WebConfig } from './serve/index.js'
import {
  createEncoder,
  createPusher,
  createShipHealth,
  offsetNow,
  createStreams,
  toFixed,
  runShip,
  trim,
  type Encode,
  type Fixed,
  type Pusher,
  type ShipHealth,
  type Streams,
} from './ship/index.js'
import { openStore, type OutboxLimits, type Store } from './store/index.js'
import {
  createSubscriptions,
  type Delivery,
  type Subscriptions,
  type TlsIdentity,
} from './subscribe/index.js'
import { createBell, type Bell } from './waits.js'
import { toNamespace } from './workload.js'

export interface Exporter {
  readonly port: number
  readonly scheme: 'http' | 'https'
  readonly intakePort: number | undefined
  /**
   * Takes what can change while running: daemons and their certificates, filters, users and
   * certificates of --listen, logins and certificates of the intake, Loki and Alertmanager, the
   * log level. Gives back what a file asks for and only a restart does. Rejects, and changes
   * nothing, where a file that is named cannot be used.
   */
  reload(config: Config): Promise<readonly string[]>
  readonly reloads: ReloadHealth
  close(): Promise<void>
}

export interface ReloadHealth {
  succeeded: number
  failed: number
}

/** What a reload changes; read anew at each use. */
interface Live {
  config: Config
  tls: TlsIdentity | undefined
  web: WebConfig
}

const OPEN_TO_ALL: WebConfig = { tls: undefined, users: new Map() }

export async function startExporter(
  config: Config,
  log: Logger,
  version: string,
): Promise<Exporter> {
  const clock = Date.now
  const live: Live = { config, ...(await readFiles(config)) }
  const target = config.loki === undefined ? undefined : await readLokiTarget(config.loki)
  const intakeSecrets =
    config.intake === undefined ? undefined : await readIntakeSecrets(config.intake)
  const certificates = createCertificateWatch(clock, createCertificateLog(log))
  certificates.use(toCertificateFiles({ ...live, loki: target, intake: intakeSecrets }))
  const store = await openStore(config.stateDirectory)
  if (store.movedAside !== undefined) {
    log.error({ path: store.movedAside }, 'store was damaged; moved aside, counts begin anew')
  }
  if (target === undefined && store.waiting.entries > 0) {
    const { entries } = store.waiting
    log.warn({ entries }, 'entries of an earlier run wait in the outbox; --loki-url ships them')
  }
  const stop = new AbortController()
  const counts = createCounts(toBudget(config.seriesBudget), store.kept, config.labels)
  const scrapers = createScrapers(store.kept.scrapers)
  const feed = createFeed({ grafana: config.grafana, clock })
  const notifier = await toNotifier(live, log, version)
  const limits = { bytes: config.outboxBytes, ageMilliseconds: config.outboxAgeMilliseconds }
  const fixed = toFixed(config.labels.fixed)
  const shipping =
    config.loki === undefined ? undefined : toShipping(config.loki, live, store, fixed)
  const reloads: ReloadHealth = { succeeded: 0, failed: 0 }

  const ledger = createLedger({
    store,
    counts,
    counted: (alert) => selects(live.config.seriesSelection, alert),
    idleMilliseconds: config.seriesIdleMilliseconds,
    encode: shipping?.encode,
    clock,
    async committed({ detections, notices }, seconds) {
      self.observeCommit(seconds)
      const newest = detections.at(-1)
      if (newest !== undefined) self.observeSeen(toDelay(newest, clock()))
      if (config.page) feed.add(detections)
      notifier?.note(detections)
      for (const { rule } of notices) log.debug({ rule }, 'notice from a daemon')
      if (shipping === undefined) return
      if (store.waiting.bytes > limits.bytes) await trimNow(shipping.health, store, limits, log)
      for (const bell of shipping.bells.values()) bell.ring()
    },
    changed: ({ trouble }) => {
      if (trouble === undefined) log.info('store works again')
      else log.error({ err: trouble }, 'store cannot be written; alerts wait')
    },
  })
  const subscriptions = toSubscriptions(live, ledger, log)
  const intake = await toIntake(config, intakeSecrets, ledger).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  const self = createSelfMetrics({
    version,
    subscriptions: () => subscriptions.all,
    ledger: ledger.health,
    counts,
    seriesBudget: config.seriesBudget,
    store,
    ship: shipping?.health,
    streams: shipping?.streams,
    intake: intake?.health,
    notify: notifier?.health,
    feed,
    reloads,
    get certificates() {
      return certificates.all
    },
    clock,
  })
  const parts = {
    version,
    config,
    subscriptions,
    intake: intake?.health,
    ledger: ledger.health,
    ship: shipping?.health,
    notify: notifier?.health,
    store,
  }
  const server = await createServer({
    ...config.listen,
    web: live.web,
    counts,
    scrapers,
    renderSelf: async () => (await self.render()) + renderDaemonMetrics(subscriptions.all),
    readiness: () => toReadiness(parts),
    page: config.page ? { facts: () => toPageFacts(parts), feed } : undefined,
    keepScraper: (record) => {
      store.keepScraper(record).catch((error: unknown) => {
        log.debug({ err: String(error) }, 'scraper not kept')
      })
    },
    clock,
  }).catch(async (error: unknown) => {
    await intake?.close()
    await store.close()
    throw error
  })

  const lossParts = { subscriptions: () => subscriptions.all, ledger: ledger.health }
  const tellLosses = createLossWatch(
    { ...lossParts, ship: shipping?.health, notify: notifier?.health },
    ({ text, reason, last }, count) => {
      log.warn({ reason, count, last }, text)
    },
  )
  const checks = setInterval(() => {
    certificates.check()
    tellLosses()
  }, CHECKS_MILLISECONDS)
  checks.unref()
  const work = [ledger.run(stop.signal), subscriptions.run(stop.signal)]
  if (notifier !== undefined) work.push(notifier.run(stop.signal))
  let pusher: Pusher | undefined
  if (target !== undefined && shipping !== undefined) {
    pusher = createPusher(target, `peregrine/${version}`)
    const common = { store, pusher, limits, self, log }
    work.push(...startShip(shipping, common, stop.signal))
  }

  let closing: Promise<void> | undefined
  return {
    port: server.port,
    scheme: live.web.tls === undefined ? 'http' : 'https',
    intakePort: intake?.port,
    reloads,
    async reload(next) {
      const files = await readFiles(next)
      const secrets = next.intake === undefined ? undefined : await readIntakeSecrets(next.intake)
      const loki = next.loki === undefined ? undefined : await readLokiTarget(next.loki)
      const login = await readLogin('alertmanager', next.alertmanager?.login)
      const isSameTls = toTlsKind(files.web) === toTlsKind(live.web)
      Object.assign(live, { config: next, ...files })
      subscriptions.use(next.daemons)
      server.use(live.web)
      if (secrets !== undefined) intake?.use(secrets)
      notifier?.use(login)
      if (loki !== undefined && target !== undefined) pusher?.use({ ...loki, url: target.url })
      certificates.use(toCertificateFiles({ ...live, loki, intake: secrets }))
      log.level = next.logLevel
      return isSameTls ? [] : ['webConfigFile']
    },
    close() {
      closing ??= (async () => {
        // In the order of the way: nothing new comes in, what came is kept, then the rest ends.
        stop.abort()
        clearInterval(checks)
        feed.close()
        await Promise.all([...work, intake?.close()])
        tellLosses()
        await pusher?.close()
        await server.close()
        await store.close()
      })()
      return closing
    },
  }
}

/** How often certificates and losses are looked at. */
const CHECKS_MILLISECONDS = 10_000

/** What of TLS is settled when a server begins to listen. */
function toTlsKind({ tls }: WebConfig): string {
  return tls === undefined ? 'none' : `${tls.requestCert} ${tls.rejectUnauthorized}`
}

async function readFiles(config: Config): Promise<Omit<Live, 'config'>> {
  const tls = config.tls === undefined ? undefined : await readTls(config.tls)
  const { webConfigFile } = config
  const web = webConfigFile === undefined ? OPEN_TO_ALL : await readWebConfig(webConfigFile)
  return { tls, web }
}

function toSubscriptions(live: Live, ledger: Ledger, log: Logger): Subscriptions {
  return createSubscriptions(live.config.daemons, {
    toOptions: (address) => ({
      address,
      get tls() {
        return live.tls
      },
      fallbackHostname: live.config.hostname,
      position: () => ledger.position(address.name),
      take: (delivery) => ledger.take(toNamed(live.config, delivery)),
      changed: createSubscriptionLog(log),
      clock: Date.now,
    }),
  })
}

/** Without Kubernetes, a user may want containers to stand as pods. */
function toNamed(config: Config, delivery: Delivery): Delivery {
  if (config.podNameFrom === 'kubernetes') return delivery
  const alerts = delivery.alerts.map((alert) =>
    alert.kind === 'invalid' ? alert : withContainerAsPod(alert),
  )
  return { ...delivery, alerts }
}

async function toIntake(
  config: Config,
  secrets: IntakeSecrets | undefined,
  ledger: Ledger,
): Promise<Intake | undefined> {
  if (config.intake === undefined || secrets === undefined) return undefined
  const { listen, bodyLimitBytes } = config.intake
  return createIntake({
    ...listen,
    bodyLimitBytes,
    secrets,
    fallbackHostname: config.hostname,
    take: (delivery) => ledger.take(toNamed(config, delivery)),
    waiting: () => ledger.health.waiting,
    clock: Date.now,
  })
}

async function toNotifier(live: Live, log: Logger, version: string): Promise<Notifier | undefined> {
  const { alertmanager, grafana } = live.config
  if (alertmanager === undefined) return undefined
  return createNotifier({
    urls: alertmanager.urls,
    authorization: await readLogin('alertmanager', alertmanager.login),
    userAgent: `peregrine/${version}`,
    resolveMilliseconds: alertmanager.resolveMilliseconds,
    maxAgeMilliseconds: alertmanager.maxAgeMilliseconds,
    selection: () => live.config.alertmanager?.selection ?? alertmanager.selection,
    grafana,
    clock: Date.now,
    changed: createMemberLog(log),
  })
}

interface Shipping {
  readonly health: ShipHealth
  readonly streams: Streams
  readonly encode: Encode
  /** By tenant. */
  readonly bells: ReadonlyMap<string, Bell>
}

function toShipping(loki: LokiConfig, live: Live, store: Store, fixed: Fixed): Shipping {
  const health = createShipHealth()
  const streams = createStreams(loki)
  const common = loki.tenant ?? ''
  const { tenantOfNamespace } = loki
  const tenantOf = (alert: Alert): string => tenantOfNamespace.get(toNamespace(alert)) ?? common
  const encodeAll = createEncoder({ streams, tenantOf, fixed })
  const isWanted = (alert: Alert): boolean =>
    alert.kind === 'notice' || selects(live.config.loki?.selection ?? EVERYTHING, alert)
  const encode: Encode = (alerts, toEventId, nowMilliseconds) => {
    const all = [...alerts]
    const wanted = all.filter(isWanted)
    health.filtered += all.length - wanted.length
    return encodeAll(wanted, toEventId, nowMilliseconds + offsetNow(health, Date.now))
  }
  // What waits for a tenant that is configured no more still goes to that tenant.
  const tenants = new Set([common, ...tenantOfNamespace.values(), ...store.tenants()])
  const bells = new Map(Array.from(tenants, (tenant) => [tenant, createBell()]))
  return { health, streams, encode, bells }
}

interface ShipParts {
  readonly store: Store
  readonly pusher: Pusher
  readonly limits: OutboxLimits
  readonly self: SelfMetrics
  readonly log: Logger
}

function startShip(
  { health, bells, streams }: Shipping,
  { store, pusher, limits, self, log }: ShipParts,
  signal: AbortSignal,
): Promise<void>[] {
  return Array.from(bells, ([tenant, bell]) => {
    const options = {
      store,
      pusher,
      tenant,
      limits,
      bell,
      clock: Date.now,
      changed: createLokiLog(log, tenant),
      pushed: (seconds: number) => {
        self.observePush(seconds)
      },
      shipped: (seconds: number) => {
        self.observeShipped(seconds)
      },
      storeFailed: (error: unknown) => {
        log.debug({ err: String(error) }, 'outbox cannot be written')
      },
      learned: (labels: string, oldestNanoseconds: bigint) => {
        streams.learn(labels, oldestNanoseconds)
      },
    }
    return runShip(health, options, signal)
  })
}

/** In seconds; a host whose clock is ahead is not seen before it happened. */
function toDelay({ timeNanoseconds }: Alert, nowMilliseconds: number): number {
  return Math.max(0, nowMilliseconds - Number(timeNanoseconds / 1_000_000n)) / 1000
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
