/**
 * All subscriptions: one for each daemon that the sources name now.
 *
 * Names and directories are looked at again and again; a daemon that comes is subscribed to, one
 * that goes is left. A look that fails changes nothing: what is connected stays connected.
 */
import { delay } from '../waits.js'
import type { DaemonAddress, DaemonSource } from './address.js'
import { toDaemons } from './discover.js'
import {
  createHealth,
  runSubscription,
  type SubscriptionHealth,
  type SubscriptionOptions,
} from './subscription.js'

export interface Subscriptions {
  /** In the order in which they came. */
  readonly all: readonly SubscriptionHealth[]
  /** Sources that could not be looked up, and why. */
  readonly troubles: ReadonlyMap<string, string>
  /** From now on these. */
  use(sources: readonly DaemonSource[]): void
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export interface SubscriptionsOptions {
  /** What each subscription gets. */
  readonly toOptions: (address: DaemonAddress) => SubscriptionOptions
  readonly lookMilliseconds?: number
}

interface Running {
  readonly health: SubscriptionHealth
  readonly stop: AbortController
}

const LOOK_MILLISECONDS = 10_000

export function createSubscriptions(
  first: readonly DaemonSource[],
  options: SubscriptionsOptions,
): Subscriptions {
  let sources = first
  const running = new Map<string, Running>()
  const work = new Set<Promise<void>>()
  const troubles = new Map<string, string>()
  let again = new AbortController()

  function start(address: DaemonAddress, signal: AbortSignal): void {
    const health = createHealth(address.name)
    const stop = new AbortController()
    running.set(address.name, { health, stop })
    const both = AbortSignal.any([signal, stop.signal])
    const run = runSubscription(health, options.toOptions(address), both)
    work.add(run)
    void run.finally(() => work.delete(run))
  }

  async function look(signal: AbortSignal): Promise<void> {
    const wanted = new Map<string, DaemonAddress>()
    let isComplete = true
    troubles.clear()
    for (const source of sources) {
      // One after the other: a look is quick, and there are few sources.
      const found = await toDaemons(source)
      if (found.kind === 'found') {
        for (const address of found.addresses) wanted.set(address.name, address)
      } else {
        isComplete = false
        troubles.set(source.name, found.text)
      }
    }
    for (const [name, { stop }] of running) {
      if (wanted.has(name) || !isComplete) continue
      stop.abort()
      running.delete(name)
    }
    for (const [name, address] of wanted) if (!running.has(name)) start(address, signal)
  }

  return {
    get all() {
      return Array.from(running.values(), ({ health }) => health)
    },
    troubles,
    use(wanted) {
      sources = wanted
      again.abort()
    },
    async run(signal) {
      while (!signal.aborted) {
        again = new AbortController()
        await look(signal)
        const isFixed = sources.every(({ kind }) => kind === 'unix' || kind === 'tcp')
        const wait = AbortSignal.any([signal, again.signal])
        await delay(isFixed ? NEVER : (options.lookMilliseconds ?? LOOK_MILLISECONDS), wait)
      }
      await Promise.all(work)
    },
  }
}

/** The longest that a timer takes, a bit over 24 days. */
const NEVER = 2 ** 31 - 1
