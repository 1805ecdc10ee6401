/**
 * One daemon, subscribed to for ever.
 *
 *   connect ─► our method ─┬─► deliveries ─► take (resolves when they are safe)
 *                          └─ unknown there? Falco's standard method
 *   any end ─► wait with jitter ─► connect
 *
 * A stream that ends is never the end of the process, and one stuck daemon delays no other.
 * The wait starts again from its shortest once a connection has given something.
 */
import type { Client } from '@grpc/grpc-js'
import type { Position } from '../alert.js'
import type { LastError } from '../last-error.js'
import { delay, isStopped, toBackoff, type Backoff } from '../waits.js'
import type { DaemonAddress } from './address.js'
import { isUnimplemented, subscribeBatched } from './batched.js'
import { createChannel, type TlsIdentity } from './channel.js'
import { toDelivery, type Delivery } from './delivery.js'
import { subscribeStandard } from './standard.js'
import { fetchStatus } from './status.js'
import { describeTrouble } from './trouble.js'
import type { Status } from './wire.js'

export type Protocol = 'batched' | 'standard'

/** What others may know of a subscription while it runs. */
export interface SubscriptionHealth {
  readonly daemon: string
  connected: boolean
  protocol: Protocol | undefined
  reconnects: number
  received: number
  dropped: number
  behind: bigint
  lastMessageMilliseconds: number
  /** Why it is away; undefined while connected. */
  awayFor: string | undefined
  lastError: LastError | undefined
  /** When it was connected, or when it went away. */
  sinceMilliseconds: number
  status: Status | undefined
}

export interface SubscriptionOptions {
  readonly address: DaemonAddress
  readonly tls: TlsIdentity | undefined
  readonly fallbackHostname: string
  /** Where to resume; asked anew at each connection. */
  readonly position: () => Position | undefined
  /** Resolves when the delivery is safe. */
  readonly take: (delivery: Delivery) => Promise<unknown>
  readonly changed: (health: SubscriptionHealth) => void
  readonly clock: () => number
  readonly random?: () => number
  readonly backoff?: Backoff
  readonly statusMilliseconds?: number
  readonly pollMilliseconds?: number
}

/** A daemon that restarts is back within a second or two; one that is gone is asked twice a minute. */
const BACKOFF: Backoff = { firstMilliseconds: 250, limitMilliseconds: 30_000 }
/** A connection this old was a good one, even if Falco had nothing to say. */
const LASTING_MILLISECONDS = 60_000
const STATUS_MILLISECONDS = 10_000
/** While one batch is on its way to the disk the next ones are decoded: 4 × 1,024 alerts. */
const BATCHES_UNDER_WAY = 4

export function createHealth(daemon: string): SubscriptionHealth {
  return {
    daemon,
    connected: false,
    protocol: undefined,
    reconnects: 0,
    received: 0,
    dropped: 0,
    behind: 0n,
    lastMessageMilliseconds: 0,
    awayFor: undefined,
    lastError: undefined,
    sinceMilliseconds: 0,
    status: undefined,
  }
}

/** Runs until the signal aborts; never rejects because of the daemon. */
export async function runSubscription(
  health: SubscriptionHealth,
  options: SubscriptionOptions,
  signal: AbortSignal,
): Promise<void> {
  const random = options.random ?? Math.random
  let attempt = 0
  while (!signal.aborted) {
    const heard = health.lastMessageMilliseconds
    const begun = options.clock()
    const error = await runConnection(health, options, signal)
    if (isStopped(signal)) break
    health.awayFor = describeTrouble(error)
    health.lastError = { text: health.awayFor, atMilliseconds: options.clock() }
    options.changed(health)
    const lasted = options.clock() - begun
    if (health.lastMessageMilliseconds !== heard || lasted > LASTING_MILLISECONDS) attempt = 0
    await delay(toBackoff(attempt, options.backoff ?? BACKOFF, random), signal)
    attempt++
    health.reconnects++
  }
}

/** One connection from dial to end; gives back why it ended. */
async function runConnection(
  health: SubscriptionHealth,
  options: SubscriptionOptions,
  signal: AbortSignal,
): Promise<unknown> {
  const client = createChannel(options.address, options.tls)
  const ended = new AbortController()
  const both = AbortSignal.any([signal, ended.signal])
  try {
    try {
      await readBatched(client, health, options, both)
    } catch (error) {
      if (!isUnimplemented(error)) throw error
      await readStandard(client, health, options, both)
    }
    return undefined
  } catch (error) {
    return error
  } finally {
    ended.abort()
    client.close()
    if (health.connected || health.sinceMilliseconds === 0) {
      health.sinceMilliseconds = options.clock()
    }
    health.connected = false
    health.status = undefined
  }
}

async function readBatched(
  client: Client,
  health: SubscriptionHealth,
  options: SubscriptionOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name } = options.address
  const resumeAfter = options.position()
  const underWay: Promise<unknown>[] = []
  for await (const batch of subscribeBatched(client, { resumeAfter, signal })) {
    health.lastMessageMilliseconds = options.clock()
    if (connect(health, 'batched', options)) void pollStatus(client, health, options, signal)
    const raws = batch === undefined ? [undefined] : batch.alerts
    health.received += raws.length
    underWay.push(options.take(toDelivery(name, raws, batch?.newest, options.fallbackHostname)))
    if (underWay.length >= BATCHES_UNDER_WAY) await underWay.shift()
    health.behind = toBehind(batch?.newest, options.position())
  }
}

async function readStandard(
  client: Client,
  health: SubscriptionHealth,
  options: SubscriptionOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name } = options.address
  const { pollMilliseconds } = options
  const dropped = (count: number): void => {
    health.received += count
    health.dropped += count
  }
  // Falco's server says nothing until there is an alert: a call that it did not refuse at once
  // is taken for a connection.
  await ready(client, signal)
  connect(health, 'standard', options)
  const poll = pollMilliseconds === undefined ? {} : { pollMilliseconds }
  for await (const raws of subscribeStandard(client, { signal, dropped, ...poll })) {
    health.lastMessageMilliseconds = options.clock()
    health.received += raws.length
    await options.take(toDelivery(name, raws, undefined, options.fallbackHostname))
  }
}

/** True when this connection was not known to stand before. */
function connect(
  health: SubscriptionHealth,
  protocol: Protocol,
  options: SubscriptionOptions,
): boolean {
  if (health.connected) return false
  health.connected = true
  health.sinceMilliseconds = options.clock()
  health.protocol = protocol
  health.awayFor = undefined
  options.changed(health)
  return true
}

async function pollStatus(
  client: Client,
  health: SubscriptionHealth,
  options: SubscriptionOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const status = await fetchStatus(client)
    if (health.connected) health.status = status
    await delay(options.statusMilliseconds ?? STATUS_MILLISECONDS, signal)
  }
}

const READY_DEADLINE_MILLISECONDS = 10_000

function ready(client: Client, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + READY_DEADLINE_MILLISECONDS, (error) => {
      if (error === undefined) resolve()
      else reject(error)
    })
  })
}

function toBehind(newest: Position | undefined, position: Position | undefined): bigint {
  if (newest === undefined) return 0n
  if (position?.streamId !== newest.streamId) return newest.sequence
  const behind = newest.sequence - position.sequence
  return behind > 0n ? behind : 0n
}
