/** What the page and the readiness probe say, out of the rooms' health. */
import type { Config } from './config/index.js'
import type { IntakeHealth } from './intake/index.js'
import type { LastError } from './last-error.js'
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
    .map(({ daemon, awayFor }) => `${daemon}: ${awayFor ?? 'not connected yet'}`)
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
    ...{ name: 'Store', isWell: ledger.trouble === undefined },
    state: ledger.trouble ?? `${ledger.commits} commits`,
    ...toLast(ledger.trouble === undefined, ledger.lastError),
  })
  places.push(...toLokiPlaces(ship, store))
  places.push(...(notify?.members ?? []).map(toMemberPlace))
  const invalid = Array.from(ledger.samples, ([reason, { text }]) => ({ reason, text }))
  return { version, places, invalid }
}

function toMemberPlace(member: NotifyHealth['members'][number]): Place {
  const { url, trouble, sent, lastError, troubleSinceMilliseconds } = member
  const isWell = trouble === undefined
  return {
    ...{ name: `Alertmanager ${url}`, isWell, since: toSince(troubleSinceMilliseconds) },
    state: trouble ?? (sent === 0 ? 'nothing to send yet' : `${sent} messages sent`),
    ...toLast(isWell, lastError),
  }
}

function toIntakePlace({ received, lastMessageMilliseconds, lastError }: IntakeHealth): Place {
  const last = toSince(lastMessageMilliseconds)
  const parts = [`${received} alerts received`]
  if (last !== '') parts.push(`the last at ${last}`)
  return { name: 'HTTP intake', isWell: true, state: parts.join('; '), ...toLast(true, lastError) }
}

function toDaemonPlace(health: SubscriptionHealth): Place {
  const { daemon, connected, protocol, received, awayFor, lastError, sinceMilliseconds } = health
  const state = connected
    ? `subscribed (${protocol ?? ''}), ${received} alerts received`
    : `away: ${awayFor ?? 'not connected yet'}`
  const since = toSince(sinceMilliseconds)
  return { name: daemon, isWell: connected, state, since, ...toLast(connected, lastError) }
}

/** Only where all is well again: otherwise it is the state. */
function toLast(
  isWell: boolean,
  lastError: LastError | undefined,
): { readonly lastError?: string } {
  if (!isWell || lastError === undefined) return {}
  return { lastError: `${lastError.text}, at ${toSince(lastError.atMilliseconds)}` }
}

/** One for all is well; otherwise one for each tenant that is in trouble. */
function toLokiPlaces(ship: ShipHealth | undefined, store: Store): readonly Place[] {
  if (ship === undefined) return [{ name: 'Loki', isWell: true, state: 'not configured' }]
  const waiting = `${store.waiting.entries} entries wait`
  if (ship.troubles.size === 0) {
    const state = `${ship.accepted} accepted, ${waiting}`
    return [{ name: 'Loki', isWell: true, state, ...toLast(true, ship.lastError) }]
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
