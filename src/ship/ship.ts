/**
 * Empties the outbox into Loki, in order.
 *
 *   outbox ─► batch ─► push ─► decide ─┬─ accepted, rejected ─► finish (gone from the outbox)
 *                                      ├─ later, held ────────► wait, push the same bytes
 *                                      └─ too large ──────────► halves, in order
 *
 * One push at a time, for each tenant: that is what keeps the order. A push under way when the process dies is
 * repeated byte for byte, and Loki drops the repetition.
 */
import type { LoadedChunks, OutboxLimits, Store } from '../store/index.js'
import { delay, isStopped, toBackoff, untilDone, type Backoff, type Bell } from '../waits.js'
import { decide, toRejectedCount, type Decision } from './decide.js'
import { encodePush, halveBodies } from './encode.js'
import type { Answer, Pusher } from './push.js'

export type ShipDrop = 'rejected' | 'too_large' | 'outbox_full' | 'outbox_age' | 'lost_on_disk'

/** What others may know of shipping while it runs. */
export interface ShipHealth {
  readonly pushes: Map<Decision, number>
  accepted: number
  /** Alerts that the user's filters leave out. */
  filtered: number
  readonly dropped: Map<ShipDrop, number>
  /** The last answer that was not "accepted", until one is. */
  trouble: string | undefined
  troubleSinceMilliseconds: number
}

export interface ShipOptions {
  readonly store: Store
  readonly pusher: Pusher
  /** Whose entries these are; each tenant has an order and troubles of its own. */
  readonly tenant: string
  readonly limits: OutboxLimits
  /** Rings when something was put into the outbox. */
  readonly bell: Bell
  readonly clock: () => number
  readonly random?: () => number
  readonly backoff?: Backoff
  readonly heldBackoff?: Backoff
  readonly changed: (health: ShipHealth) => void
  readonly pushed: (seconds: number) => void
  /** Told of each delivered batch how long its oldest entry had waited. */
  readonly shipped: (seconds: number) => void
  readonly storeFailed: (error: unknown) => void
}

interface Part {
  readonly bodies: readonly Buffer[]
  readonly entries: number
}

/** Unpacked, as Loki counts: a push of its default burst would be refused; this is a third. */
const BATCH = { plainBytes: 2 * 1024 * 1024, entries: 5_000 }
/** What comes within this time goes along; a lone alert is with Loki in well under a second. */
const GATHER_MILLISECONDS = 100
const BACKOFF: Backoff = { firstMilliseconds: 500, limitMilliseconds: 30_000 }
const HELD_BACKOFF: Backoff = { firstMilliseconds: 5_000, limitMilliseconds: 60_000 }
const TRIM_MILLISECONDS = 30_000

export function createShipHealth(): ShipHealth {
  return {
    pushes: new Map(),
    accepted: 0,
    filtered: 0,
    dropped: new Map(),
    trouble: undefined,
    troubleSinceMilliseconds: 0,
  }
}

/** Runs until the signal aborts. */
export async function runShip(
  health: ShipHealth,
  options: ShipOptions,
  signal: AbortSignal,
): Promise<void> {
  const { store, limits, bell, tenant, clock, storeFailed } = options
  const surely = (work: () => Promise<void>): Promise<boolean> =>
    untilDone(work, storeFailed, BACKOFF, signal)
  // What is being pushed is not given up: it must leave room for what is newer.
  const batch = { ...BATCH, bytes: limits.bytes / 2 }
  while (!signal.aborted) {
    await surely(() => trim(health, store, limits, clock()))
    if (store.waiting.plainBytes < BATCH.plainBytes) await delay(GATHER_MILLISECONDS, signal)
    const loaded = await store.nextChunks(batch, tenant)
    if (loaded.refs.length === 0) {
      await bell.wait(signal, TRIM_MILLISECONDS)
      continue
    }
    const isDone = await deliver(toPart(loaded, health), health, options, signal)
    if (!isDone) continue
    const oldest = loaded.refs[0]?.atMilliseconds ?? clock()
    options.shipped(Math.max(0, clock() - oldest) / 1000)
    await surely(() => store.finish(loaded.refs))
  }
}

/** Gives up what is over the outbox's limits; also called by whoever fills it. */
export async function trim(
  health: ShipHealth,
  store: Store,
  limits: OutboxLimits,
  nowMilliseconds: number,
): Promise<void> {
  const { tooMany, tooOld } = await store.trim(limits, nowMilliseconds)
  add(health.dropped, 'outbox_full', tooMany)
  add(health.dropped, 'outbox_age', tooOld)
}

function toPart({ refs, bodies }: LoadedChunks, health: ShipHealth): Part {
  const present = refs.filter((_ref, index) => (bodies[index]?.length ?? 0) > 0)
  const entries = present.reduce((total, ref) => total + ref.entries, 0)
  const all = refs.reduce((total, ref) => total + ref.entries, 0)
  add(health.dropped, 'lost_on_disk', all - entries)
  return { bodies: bodies.filter((body) => body.length > 0), entries }
}

/** True when each entry is delivered or given up; false when stopped before that. */
async function deliver(
  part: Part,
  health: ShipHealth,
  options: ShipOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (part.bodies.length === 0) return true
  const body = encodePush(part.bodies)
  for (let attempt = 0; !signal.aborted; attempt++) {
    const answer = await timedPush(body, options, signal)
    if (isStopped(signal) && answer.kind === 'unreachable') return false
    const decision = decide(answer)
    add(health.pushes, decision, 1)
    note(health, decision, answer, options)
    switch (decision) {
      case 'accepted':
        health.accepted += part.entries
        return true
      case 'rejected':
        giveUp(health, part.entries, toRejectedCount(answer.text, part.entries))
        return true
      case 'too_large':
        return deliverHalves(part, health, options, signal)
      case 'later':
      case 'held':
        await delay(toWait(decision, answer, attempt, options), signal)
    }
  }
  return false
}

async function deliverHalves(
  part: Part,
  health: ShipHealth,
  options: ShipOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const halves = halveBodies(part.bodies)
  if (halves === undefined) {
    add(health.dropped, 'too_large', part.entries)
    return true
  }
  for (const { body, entries } of halves) {
    if (!(await deliver({ bodies: [body], entries }, health, options, signal))) return false
  }
  return true
}

async function timedPush(
  body: Buffer,
  { pusher, tenant, pushed }: ShipOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const begun = performance.now()
  const answer = await pusher.push(body, tenant, signal)
  pushed((performance.now() - begun) / 1000)
  return answer
}

function toWait(
  decision: 'later' | 'held',
  answer: Answer,
  attempt: number,
  options: ShipOptions,
): number {
  const backoff =
    decision === 'held' ? (options.heldBackoff ?? HELD_BACKOFF) : (options.backoff ?? BACKOFF)
  const asked = answer.kind === 'status' ? (answer.retryAfterMilliseconds ?? 0) : 0
  const own = toBackoff(attempt, backoff, options.random ?? Math.random)
  return Math.max(own, Math.min(asked, 10 * backoff.limitMilliseconds))
}

/** The rest of a rejected push was stored. */
function giveUp(health: ShipHealth, entries: number, rejected: number): void {
  add(health.dropped, 'rejected', rejected)
  health.accepted += entries - rejected
}

function note(
  health: ShipHealth,
  decision: Decision,
  answer: Answer,
  { clock, changed }: ShipOptions,
): void {
  const before = health.trouble
  if (decision === 'accepted') health.trouble = undefined
  else if (decision !== 'too_large') health.trouble = toTrouble(answer)
  const isChanged = (before === undefined) !== (health.trouble === undefined)
  if (!isChanged) return
  health.troubleSinceMilliseconds = clock()
  changed(health)
}

function toTrouble(answer: Answer): string {
  if (answer.kind === 'unreachable') return `cannot reach Loki: ${answer.text}`
  return `Loki answered ${answer.status}: ${answer.text.slice(0, 300)}`
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count)
}
