/** Metrics of where alerts go: Alertmanager and Loki. */
import type { LedgerHealth } from '../ledger/index.js'
import type { NotifyHealth } from '../notify/index.js'
import { DECISIONS, offsetNow, type ShipHealth, type Streams } from '../ship/index.js'
import type { Store } from '../store/index.js'
import type { Family, Samples } from './family.js'

export interface ShippingSources {
  readonly ledger: LedgerHealth
  readonly store: Store
  readonly streams: Streams | undefined
  readonly clock: () => number
}

const SHIP_DROPS = ['rejected', 'too_large', 'outbox_full', 'outbox_age', 'lost_on_disk'] as const

export function aboutNotifying(notify: NotifyHealth): Family[] {
  const labels = ['alertmanager']
  const each = (read: (member: NotifyHealth['members'][number]) => number) => (): Samples =>
    notify.members.map((member) => [{ alertmanager: member.url }, read(member)])
  return [
    {
      name: 'peregrine_notify_active_alerts',
      help: 'Alerts that are active at Alertmanager, or whose end is still told.',
      read: () => [[{}, notify.active]],
    },
    {
      name: 'peregrine_notify_dropped_alerts_total',
      help: 'Alerts for which there was no room among the active ones.',
      read: () => [[{}, notify.dropped]],
    },
    {
      name: 'peregrine_notify_old_alerts_total',
      help: 'Alerts that happened longer ago than --alertmanager-max-age, and were not sent.',
      read: () => [[{}, notify.old]],
    },
    {
      name: 'peregrine_notify_sent_total',
      help: 'Messages that the member answered.',
      labels,
      read: each(({ sent }) => sent),
    },
    {
      name: 'peregrine_notify_refused_total',
      help: 'Messages of which the member refused some alert.',
      labels,
      read: each(({ refused }) => refused),
    },
    {
      name: 'peregrine_notify_failures_total',
      help: 'Messages that failed and are sent again.',
      labels,
      read: each(({ failures }) => failures),
    },
    {
      name: 'peregrine_notify_reachable',
      help: '1 while the member takes what is sent.',
      labels,
      read: each(({ trouble }) => Number(trouble === undefined)),
    },
  ]
}

export function aboutShipping(
  ship: ShipHealth,
  { ledger, store, streams, clock }: ShippingSources,
): Family[] {
  const oldest = (): number => {
    const { oldestMilliseconds } = store.waiting
    return oldestMilliseconds === undefined ? 0 : (clock() - oldestMilliseconds) / 1000
  }
  return [
    {
      name: 'peregrine_ship_entries_total',
      help: 'Entries put into the outbox by this process.',
      read: () => [[{}, ledger.outboxed]],
    },
    {
      name: 'peregrine_ship_accepted_entries_total',
      help: 'Entries that Loki took.',
      read: () => [[{}, ship.accepted]],
    },
    {
      name: 'peregrine_ship_dropped_entries_total',
      help: 'Entries given up, by cause.',
      labels: ['reason'],
      read: () => SHIP_DROPS.map((reason) => [{ reason }, ship.dropped.get(reason) ?? 0]),
    },
    {
      name: 'peregrine_ship_filtered_alerts_total',
      help: 'Alerts that are not shipped, because --loki-filter or -min-priority say so.',
      read: () => [[{}, ship.filtered]],
    },
    {
      name: 'peregrine_ship_streams',
      help: 'Log streams in use at Loki.',
      read: () => [[{}, streams?.inUse ?? 0]],
    },
    {
      name: 'peregrine_ship_demoted_entries_total',
      help: 'Entries whose pod or host is metadata, because too many log streams are in use.',
      read: () => [[{}, streams?.demotions ?? 0]],
    },
    {
      name: 'peregrine_ship_moved_entries_total',
      help: 'Entries whose time was moved into what Loki takes.',
      read: () => [[{}, streams?.moves ?? 0]],
    },
    {
      name: 'peregrine_ship_retimed_entries_total',
      help: 'Entries that Loki refused for their time and that were pushed again with another one.',
      read: () => [[{}, ship.retimed]],
    },
    {
      name: 'peregrine_ship_clock_offset_seconds',
      help: "By how much Loki's clock is ahead of the exporter's; below 3 s it is taken for 0.",
      read: () => [[{}, offsetNow(ship, clock) / 1000]],
    },
    {
      name: 'peregrine_ship_waiting_entries',
      help: 'Entries in the outbox.',
      read: () => [[{}, store.waiting.entries]],
    },
    {
      name: 'peregrine_ship_waiting_bytes',
      help: 'Bytes in the outbox.',
      read: () => [[{}, store.waiting.bytes]],
    },
    {
      name: 'peregrine_ship_lag_seconds',
      help: 'Age of the oldest entry in the outbox; 0 when empty.',
      read: () => [[{}, Math.max(0, oldest())]],
    },
    {
      name: 'peregrine_ship_pushes_total',
      help: 'Pushes to Loki, by what came of them.',
      labels: ['outcome'],
      read: () => DECISIONS.map((outcome) => [{ outcome }, ship.pushes.get(outcome) ?? 0]),
    },
  ]
}
