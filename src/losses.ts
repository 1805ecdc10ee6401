/**
 * Says in the log what was lost, at most once in a while for each cause: a flood of bad messages
 * is one line with a number, and no loss is silent.
 */
import type { LedgerHealth } from './ledger/index.js'
import type { NotifyHealth } from './notify/index.js'
import type { ShipHealth } from './ship/index.js'
import type { SubscriptionHealth } from './subscribe/index.js'

export interface Loss {
  readonly text: string
  readonly reason: string
  /** Since the process began. */
  readonly count: number
  /** What the last one was like, for a person who looks for the cause. */
  readonly last: string | undefined
}

export interface LossParts {
  readonly subscriptions: () => readonly SubscriptionHealth[]
  readonly ledger: LedgerHealth
  readonly ship: ShipHealth | undefined
  readonly notify: NotifyHealth | undefined
}

/** Gives back what to do from time to time; `lost` is told the number since the last time. */
export function createLossWatch(
  parts: LossParts,
  lost: (loss: Loss, count: number) => void,
): () => void {
  const told = new Map<string, number>()
  return () => {
    for (const loss of toLosses(parts)) {
      const key = `${loss.text} ${loss.reason}`
      const count = loss.count - (told.get(key) ?? 0)
      told.set(key, loss.count)
      if (count > 0) lost(loss, count)
    }
  }
}

function toLosses({ subscriptions, ledger, ship, notify }: LossParts): readonly Loss[] {
  const of = (text: string, counts: Iterable<readonly [string, number]>): Loss[] =>
    Array.from(counts, ([reason, count]) => ({ text, reason, count, last: undefined }))
  const invalid = of('messages are no valid alerts', ledger.invalid)
  const lines = of('log lines are given up', ship?.dropped ?? [])
  return [
    ...invalid.map((loss) => ({ ...loss, last: toSample(ledger, loss.reason) })),
    ...lines.map((loss) => ({
      ...loss,
      last: loss.reason === 'rejected' ? ship?.rejection : undefined,
    })),
    ...of('alerts are missing', ledger.missed),
    ...of(
      'alerts came faster than they could be kept',
      subscriptions().map(({ daemon, dropped }) => [daemon, dropped]),
    ),
    ...of('alerts had no room at Alertmanager', [['active', notify?.dropped ?? 0]]),
  ]
}

function toSample({ samples }: LedgerHealth, reason: string): string | undefined {
  return Array.from(samples).find(([known]) => known === reason)?.[1].text
}
