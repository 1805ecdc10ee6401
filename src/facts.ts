/** What the page and the readiness probe say, out of the rooms' health. */
import type { Config } from './config/index.js'
import type { IntakeHealth } from './intake/index.js'
import type { LedgerHealth } from './ledger/index.js'
import type { NotifyHealth } from './notify/index.js'
import type { PageFacts, Place, Readiness } from './serve/index.js'
import type { ShipHealth } from './ship/index.js'
import type { Store } from './store/index.js'
import type { SubscriptionHealth, Subscriptions } from './subscribe/index.js'

export interface FactParts {
  readonly version: string
  readonly config: Config
  readonly subscriptions: Subscriptions
  readonly intake: IntakeHealth | undefined
  readonly ledger: LedgerHealth
  readonly ship: ShipHealth | undefined
  readonly notify: NotifyHealth | undefined
  readonly store: Store
}

/**
 * Ready is: each daemon is subscribed to, and what comes can be kept. Loki or Alertmanager away
 * is no reason to be taken out of service; what they miss waits.
 */
export function toReadiness({ subscriptions, ledger }: FactParts): Readiness {
  const waitingFor = subscriptions.all
    .filter(({ connected }) => !connected)
    .map(({ daemon, lastError }) => `${daemon}: ${lastError ?? 'not connected yet'}`)
  waitingFor.push(...subscriptions.troubles.values())
  const { trouble } = ledger
  if (trouble !== undefined) waitingFor.push(`store: ${trouble}`)
  return { isReady: waitingFor.length === 0, waitingFor }
}

export function toPageFacts(parts: FactParts): PageFacts {
  const { version, subscriptions, intake, ledger, ship, notify, store } = parts
  const places: Place[] = subscriptions.all.map(toDaemonPlace)
  for (const [name, text] of subscriptions.troubles) {
    places.push({ name, isWell: false, state: text })
  }
  if (intake !== undefined) {
    places.push(toIntakePlace(intake))
  }
  places.push({
    name: 'Store',
    isWell: ledger.trouble === undefined,
    state: ledger.trouble ?? `${ledger.commits} commits`,
  })
  places.push(...toLokiPlaces(ship, store))
  for (const { url, trouble, sent, troubleSinceMilliseconds } of notify?.members ?? []) {
    const since = toSince(troubleSinceMilliseconds)
    const state = trouble ?? `${sent} messages sent`
    places.push({ name: `Alertmanager ${url}`, isWell: trouble === undefined, state, since })
  }
  const invalid = Array.from(ledger.samples, ([reason, { text }]) => ({ reason, text }))
  return { version, places, invalid }
}

function toIntakePlace({ received, lastMessageMilliseconds, lastError }: IntakeHealth): Place {
  const last = toSince(lastMessageMilliseconds)
  const parts = [`${received} alerts received`]
  if (last !== '') parts.push(`the last at ${last}`)
  if (lastError !== undefined) parts.push(`last refused: ${lastError}`)
  return { name: 'HTTP intake', isWell: true, state: parts.join('; ') }
}

function toDaemonPlace(health: SubscriptionHealth): Place {
  const { daemon, connected, protocol, received, lastError, sinceMilliseconds } = health
  const state = connected
    ? `subscribed (${protocol ?? ''}), ${received} alerts received`
    : `away: ${lastError ?? 'not connected yet'}`
  return { name: daemon, isWell: connected, state, since: toSince(sinceMilliseconds) }
}

/** One for all is well; otherwise one for each tenant that is in trouble. */
function toLokiPlaces(ship: ShipHealth | undefined, store: Store): readonly Place[] {
  if (ship === undefined) return [{ name: 'Loki', isWell: true, state: 'not configured' }]
  const waiting = `${store.waiting.entries} entries wait`
  if (ship.troubles.size === 0) {
    return [{ name: 'Loki', isWell: true, state: `${ship.accepted} accepted, ${waiting}` }]
  }
  return Array.from(ship.troubles, ([tenant, { text, sinceMilliseconds }]) => ({
    name: tenant === '' ? 'Loki' : `Loki, tenant ${tenant}`,
    isWell: false,
    state: `${text}, ${waiting}`,
    since: toSince(sinceMilliseconds),
  }))
}

/** To the second, which is as much as a person asks for. */
function toSince(milliseconds: number): string {
  if (milliseconds === 0) return ''
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
