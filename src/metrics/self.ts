/**
 * The exporter's own metrics, read from the rooms' health when a scrape asks.
 *
 * `@prometheus-io/client` is the same library as `prom-client`, which it succeeds; it does the
 * process' metrics and the histograms. Counters are copied in at the scrape, so the rooms know
 * no metrics library.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from '@prometheus-io/client'
import { INVALID_REASONS } from '../alert.js'
import type { Certificate } from '../certificates.js'
import type { LedgerHealth } from '../ledger/index.js'
import type { Counts } from '../series/index.js'
import type { IntakeHealth } from '../intake/index.js'
import type { NotifyHealth } from '../notify/index.js'
import type { ShipHealth, Streams } from '../ship/index.js'
import type { Store } from '../store/index.js'
import type { SubscriptionHealth } from '../subscribe/index.js'
import type { Family, Samples } from './family.js'
import { aboutNotifying, aboutShipping } from './targets.js'
import { createTimes, type Times } from './times.js'

export interface MetricSources {
  readonly version: string
  readonly subscriptions: () => readonly SubscriptionHealth[]
  readonly ledger: LedgerHealth
  readonly counts: Counts
  readonly seriesBudget: number
  readonly store: Store
  /** Undefined where nothing is shipped. */
  readonly ship: ShipHealth | undefined
  readonly streams: Streams | undefined
  readonly intake: IntakeHealth | undefined
  readonly notify: NotifyHealth | undefined
  readonly feed: { readonly viewers: number; readonly skipped: number }
  readonly reloads: { readonly succeeded: number; readonly failed: number }
  readonly certificates: readonly Certificate[]
  readonly clock: () => number
}

export interface SelfMetrics extends Times {
  render(): Promise<string>
}

/** Defaults of the library whose names promtool objects to, and which tell nobody anything. */
const UNFIT = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
]

export function createSelfMetrics(sources: MetricSources): SelfMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of UNFIT) registry.removeSingleMetric(name)
  const families = [
    ...aboutSubscriptions(sources),
    aboutClock(sources),
    aboutCertificates(sources),
    ...aboutLedger(sources),
    ...aboutSeries(sources),
    ...aboutServing(sources),
    ...(sources.intake === undefined ? [] : aboutIntake(sources.intake)),
    ...(sources.notify === undefined ? [] : aboutNotifying(sources.notify)),
    ...(sources.ship === undefined ? [] : aboutShipping(sources.ship, sources)),
  ]
  for (const family of families) register(family, registry)
  const times = createTimes(registry, { isShipping: sources.ship !== undefined })
  return { ...times, render: () => registry.metrics() }
}

/** A name that ends in `_total` is a counter, every other one a gauge. */
function register({ name, help, labels = [], read }: Family, registry: Registry): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  if (name.endsWith('_total')) {
    const counter = new Counter({
      ...options,
      collect() {
        counter.reset()
        for (const [values, value] of read()) counter.inc(values, value)
      },
    })
    return
  }
  const gauge = new Gauge({
    ...options,
    collect() {
      gauge.reset()
      for (const [values, value] of read()) gauge.set(values, value)
    },
  })
}

function aboutSubscriptions({ subscriptions }: MetricSources): Family[] {
  const each = (read: (health: SubscriptionHealth) => number) => (): Samples =>
    subscriptions().map((health) => [{ daemon: health.daemon }, read(health)])
  const labels = ['daemon']
  return [
    {
      name: 'peregrine_subscribe_connected',
      help: '1 while subscribed to the daemon.',
      labels,
      read: each(({ connected }) => Number(connected)),
    },
    {
      name: 'peregrine_subscribe_reconnects_total',
      help: 'Attempts to connect again after a stream ended or could not be opened.',
      labels,
      read: each(({ reconnects }) => reconnects),
    },
    {
      name: 'peregrine_subscribe_alerts_received_total',
      help: 'Alerts, notices and undecodable messages that came in.',
      labels,
      read: each(({ received }) => received),
    },
    {
      name: 'peregrine_subscribe_alerts_dropped_total',
      help: 'Alerts of a daemon without positions that came faster than the store could keep them.',
      labels,
      read: each(({ dropped }) => dropped),
    },
    {
      name: 'peregrine_subscribe_behind_alerts',
      help: "Alerts in the daemon's journal that have not come in yet.",
      labels,
      read: each(({ behind }) => Number(behind)),
    },
    {
      name: 'peregrine_subscribe_last_message_timestamp_seconds',
      help: 'When the daemon was last heard; 0 for never.',
      labels,
      read: each(({ lastMessageMilliseconds }) => lastMessageMilliseconds / 1000),
    },
  ]
}

/** Against the time of the scrape, it shows a clock that is off. */
function aboutClock({ clock }: MetricSources): Family {
  return {
    name: 'peregrine_time_seconds',
    help: "The clock of the exporter's machine.",
    read: () => [[{}, clock() / 1000]],
  }
}

function aboutCertificates(sources: MetricSources): Family {
  return {
    name: 'peregrine_certificate_not_after_timestamp_seconds',
    help: 'When a certificate of ours ends, by the setting that names its file.',
    labels: ['setting'],
    read: () =>
      sources.certificates.map(({ setting, notAfterMilliseconds }) => [
        { setting },
        notAfterMilliseconds / 1000,
      ]),
  }
}

function aboutLedger({ ledger, version }: MetricSources): Family[] {
  const single = (read: () => number) => (): Samples => [[{}, read()]]
  const byKey = (label: string, counts: ReadonlyMap<string, number>) => (): Samples =>
    Array.from(counts, ([key, count]) => [{ [label]: key }, count] as const)
  return [
    {
      name: 'peregrine_build_info',
      help: 'Version of the exporter and of Node.',
      labels: ['version', 'node'],
      read: () => [[{ version, node: process.version }, 1]],
    },
    {
      name: 'peregrine_alerts_counted_total',
      help: 'Detections counted in falco_events by this process.',
      read: single(() => ledger.counted),
    },
    {
      name: 'peregrine_alerts_duplicate_total',
      help: 'Alerts that came a second time and were skipped.',
      read: single(() => ledger.duplicates),
    },
    {
      name: 'peregrine_alerts_invalid_total',
      help: 'Messages that were no valid alert, by reason.',
      labels: ['reason'],
      read: () => INVALID_REASONS.map((reason) => [{ reason }, ledger.invalid.get(reason) ?? 0]),
    },
    {
      name: 'peregrine_alerts_waiting',
      help: 'Alerts taken in and not kept yet.',
      read: single(() => ledger.waiting),
    },
    {
      name: 'peregrine_notices_total',
      help: 'What daemons said of themselves (source internal), by rule.',
      labels: ['rule'],
      read: byKey('rule', ledger.notices),
    },
    {
      name: 'peregrine_gaps_total',
      help: 'Runs of missing alerts, by reason; unannounced ones are seen by their sequences.',
      labels: ['reason'],
      read: byKey('reason', ledger.gaps),
    },
    {
      name: 'peregrine_alerts_missed_total',
      help: 'Alerts that are known to be missing, by reason; journal_lost has no number.',
      labels: ['reason'],
      read: byKey('reason', ledger.missed),
    },
    {
      name: 'peregrine_store_commits_total',
      help: 'Transactions made durable.',
      read: single(() => ledger.commits),
    },
    {
      name: 'peregrine_store_commit_failures_total',
      help: 'Transactions that failed and were tried again.',
      read: single(() => ledger.commitFailures),
    },
  ]
}

function aboutSeries({ counts, seriesBudget, ledger, store }: MetricSources): Family[] {
  return [
    {
      name: 'peregrine_alerts_filtered_total',
      help: 'Detections that are not counted, because --series-filter or -min-priority say so.',
      read: () => [[{}, ledger.filtered]],
    },
    {
      name: 'peregrine_series_hidden',
      help: 'Idle series that are not shown; their counts are kept on disk.',
      read: () => [[{}, store.hiddenSeries]],
    },
    {
      name: 'peregrine_series_hides_total',
      help: 'How often a series left because it was idle.',
      read: () => [[{}, counts.hides]],
    },
    {
      name: 'peregrine_series_forgotten_total',
      help: 'Idle series that had no room on disk; they count anew when they come back.',
      read: () => [[{}, ledger.forgotten]],
    },
    {
      name: 'peregrine_series_used',
      help: 'Series of falco_events, overflow series included.',
      read: () => [[{}, counts.size]],
    },
    {
      name: 'peregrine_series_budget',
      help: 'Most series of falco_events before new ones fold into overflow series.',
      read: () => [[{}, seriesBudget]],
    },
    {
      name: 'peregrine_series_overflow_alerts_total',
      help: 'Detections counted in an overflow series by this process.',
      read: () => [[{}, counts.overflowed]],
    },
  ]
}

function aboutServing({ feed, reloads }: MetricSources): Family[] {
  return [
    {
      name: 'peregrine_page_viewers',
      help: 'Pages that follow the live alerts.',
      read: () => [[{}, feed.viewers]],
    },
    {
      name: 'peregrine_page_alerts_skipped_total',
      help: 'Alerts that came faster than the page shows them; they are counted and shipped.',
      read: () => [[{}, feed.skipped]],
    },
    {
      name: 'peregrine_config_reloads_total',
      help: 'Reloads of the configuration, by what came of them.',
      labels: ['outcome'],
      read: () => [
        [{ outcome: 'succeeded' }, reloads.succeeded],
        [{ outcome: 'failed' }, reloads.failed],
      ],
    },
  ]
}

function aboutIntake(intake: IntakeHealth): Family[] {
  return [
    {
      name: 'peregrine_intake_requests_total',
      help: 'Requests at the HTTP intake, by the code of the answer.',
      labels: ['code'],
      read: () => Array.from(intake.requests, ([code, count]) => [{ code: String(code) }, count]),
    },
    {
      name: 'peregrine_intake_alerts_received_total',
      help: 'Alerts and invalid messages that came in by HTTP.',
      read: () => [[{}, intake.received]],
    },
    {
      name: 'peregrine_intake_waiting_bytes',
      help: 'Bytes of bodies that are not answered yet.',
      read: () => [[{}, intake.underWayBytes]],
    },
    {
      name: 'peregrine_intake_last_message_timestamp_seconds',
      help: 'When something was last posted; 0 for never.',
      read: () => [[{}, intake.lastMessageMilliseconds / 1000]],
    },
  ]
}
