/**
 * Empties the outbox into Loki, in order.
 *
 *   outbox ─► batch ─► push ─► decide ─┬─ accepted, rejected ─► finish (gone from the outbox)
 *                                      ├─ later, held ────────► wait, push the same bytes
 *                                      ├─ too large, or again
 *                                      │  and again too many ─► halves, in order
 *                                      └─ of a wrong time ────► other times, in their place
 *
 * One push at a time, for each tenant: that is what keeps the order. A push under way when the process dies is
 * repeated byte for byte, and Loki drops the repetition.
 */
import type { LastError } from '../last-error.js'
import type { LoadedChunks, OutboxLimits, Store } from '../store/index.js'
import { delay, isStopped, toBackoff, untilDone, type Backoff, type Bell } from '../waits.js'
import { decide, toRejectedCount, type Decision } from './decide.js'
import { encodePush, halveBodies, retimeBodies } from './encode.js'
import type { Answer, Pusher } from './push.js'
import {
  createRetime,
  toOffset,
  toOffsetNow,
  toRefusedTimes,
  type Offset,
  type RefusedTimes,
} from './times.js'

export type ShipDrop = 'rejected' | 'too_large' | 'outbox_full' | 'outbox_age' | 'lost_on_disk'

/** What others may know of shipping while it runs. */
export interface ShipHealth {
  readonly pushes: Map<Decision, number>
  accepted: number
  /** Alerts that the user's filters leave out. */
  filtered: number
  /** Entries that were refused for their time and got another one. */
  retimed: number
  /** By how much Loki's clock is ahead of ours, as its last answer says. */
  offset: Offset | undefined
  readonly dropped: Map<ShipDrop, number>
  /** What Loki said when it last refused entries for good. */
  rejection: string | undefined
  /** By tenant, the last answer that was not "accepted", until one is. */
  readonly troubles: Map<string, ShipTrouble>
  lastError: LastError | undefined
}

export interface ShipTrouble {
  readonly text: string
  readonly sinceMilliseconds: number
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
  /** Told when a tenant's trouble begins, and with undefined when it is over. */
  readonly changed: (trouble: ShipTrouble | undefined) => void
  readonly pushed: (seconds: number) => void
  /** Told of each delivered batch how long its oldest entry had waited. */
  readonly shipped: (seconds: number) => void
  readonly storeFailed: (error: unknown) => void
  /** Told of a log stream of which Loki takes nothing older than this. */
  readonly learned: (labels: string, oldestNanoseconds: bigint) => void
}

interface Part {
  readonly bodies: readonly Buffer[]
  readonly entries: number
  /** Then it is given up. */
  readonly untilMilliseconds: number
}

/** What became of a batch: delivered or given up, not yet because we stop, or refused for its times. */
type Ending = 'done' | 'stopped' | Refusal

/** Of one batch; counted only when it is finished, since some of it may be pushed again. */
interface Tally {
  accepted: number
  rejected: number
  tooLarge: number
  tooOld: number
  /** Some push of it may have been stored all the same. */
  isUnanswered: boolean
}

/** Unpacked, as Loki counts: a push of its default burst would be refused; this is a third. */
const BATCH = { plainBytes: 2 * 1024 * 1024, entries: 5_000 }
/** What comes within this time goes along; a lone alert is with Loki in well under a second. */
const GATHER_MILLISECONDS = 100
const BACKOFF: Backoff = { firstMilliseconds: 500, limitMilliseconds: 30_000 }
const HELD_BACKOFF: Backoff = { firstMilliseconds: 5_000, limitMilliseconds: 60_000 }
const TRIM_MILLISECONDS = 30_000
/** A push that is over Loki's burst is over it for ever: it is halved after as many answers 429. */
const TOO_MANY_ATTEMPTS = 3
/** More than many entries of one push need; a clock that fits no time must not go round for ever. */
const RETIMES_IN_A_ROW = 20

export function createShipHealth(): ShipHealth {
  return {
    pushes: new Map(),
    accepted: 0,
    filtered: 0,
    retimed: 0,
    offset: undefined,
    dropped: new Map(),
    rejection: undefined,
    troubles: new Map(),
    lastError: undefined,
  }
}

/** By how much Loki's clock is ahead now, as far as that is known. */
export function offsetNow({ offset }: ShipHealth, clock: () => number): number {
  return toOffsetNow(offset, clock(), performance.now())
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
  let retimes = 0
  /** An earlier run may have pushed the first of what it left, and not have been answered. */
  let isRepeated = store.waiting.entries > 0
  /** Times that were given since the last push, so that nothing was pushed with them yet. */
  let given: ReadonlySet<bigint> | undefined
  while (!signal.aborted) {
    await surely(() => trim(health, store, limits, clock()))
    if (store.waiting.plainBytes < BATCH.plainBytes) await delay(GATHER_MILLISECONDS, signal)
    const loaded = await store.nextChunks(batch, tenant)
    if (loaded.refs.length === 0) {
      await bell.wait(signal, TRIM_MILLISECONDS)
      continue
    }
    const tally = { accepted: 0, rejected: 0, tooLarge: 0, tooOld: 0, isUnanswered: false }
    const part = toPart(loaded, health, limits)
    const ending = await deliver(part, tally, health, options, signal)
    if (ending === 'stopped') continue
    if (ending !== 'done' && retimes < RETIMES_IN_A_ROW) {
      const wasRepeated = isRepeated || tally.isUnanswered
      const fresh = tally.isUnanswered ? undefined : given
      const isKnown = (time: bigint): boolean => wasRepeated && fresh?.has(time) !== true
      given = await retime({ ...loaded, ...ending, isKnown }, health, options, signal)
      isRepeated = true
      retimes++
      if (given !== undefined) continue
    }
    retimes = 0
    isRepeated = false
    given = undefined
    health.accepted += tally.accepted
    add(health.dropped, 'rejected', tally.rejected)
    add(health.dropped, 'too_large', tally.tooLarge)
    add(health.dropped, 'outbox_age', tally.tooOld)
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

function toPart(
  { refs, bodies }: LoadedChunks,
  health: ShipHealth,
  { ageMilliseconds }: OutboxLimits,
): Part {
  const present = refs.filter((_ref, index) => (bodies[index]?.length ?? 0) > 0)
  const entries = present.reduce((total, ref) => total + ref.entries, 0)
  const all = refs.reduce((total, ref) => total + ref.entries, 0)
  add(health.dropped, 'lost_on_disk', all - entries)
  const untilMilliseconds = (refs.at(-1)?.atMilliseconds ?? 0) + ageMilliseconds
  return { bodies: bodies.filter((body) => body.length > 0), entries, untilMilliseconds }
}

/** What a push was refused for, and when that was by Loki's clock, where its answer says so. */
interface Refusal {
  readonly refused: RefusedTimes
  readonly dateMilliseconds: number | undefined
}

interface RefusedChunks extends LoadedChunks, Refusal {
  /** Whether an entry of this time may have been pushed with it before, and stored. */
  readonly isKnown: (nanoseconds: bigint) => boolean
}

/**
 * Gives entries that were surely refused for their time another one, on disk before they are
 * pushed: a push repeated with yet another time would be a second entry. They keep their place, so
 * that what is newer does not overtake them. Gives back the times that were given; undefined
 * where nothing was to be changed.
 */
async function retime(
  { refs, bodies, refused, dateMilliseconds, isKnown }: RefusedChunks,
  health: ShipHealth,
  { store, tenant, clock, storeFailed, learned }: ShipOptions,
  signal: AbortSignal,
): Promise<ReadonlySet<bigint> | undefined> {
  // Our own clock may have been set since the offset was found.
  const lokiMilliseconds = dateMilliseconds ?? clock() + offsetNow(health, clock)
  const present = bodies.filter((body) => body.length > 0)
  const toTimes = createRetime(refused, { lokiMilliseconds, isKnown, learned })
  const { part, given, stored } = retimeBodies(present, toTimes)
  if (given.size + stored === 0) return undefined
  const replace = (): Promise<void> => store.replace(refs, { tenant, ...part })
  if (await untilDone(replace, storeFailed, BACKOFF, signal)) {
    health.retimed += given.size
    health.accepted += stored
  }
  return given
}

async function deliver(
  part: Part,
  tally: Tally,
  health: ShipHealth,
  options: ShipOptions,
  signal: AbortSignal,
): Promise<Ending> {
  if (part.bodies.length === 0) return 'done'
  const body = encodePush(part.bodies)
  let tooMany = 0
  for (let attempt = 0; !signal.aborted; attempt++) {
    const answer = await timedPush(body, health, options, signal)
    if (isStopped(signal) && answer.kind === 'unreachable') return 'stopped'
    const decision = decide(answer)
    add(health.pushes, decision, 1)
    note(health, decision, answer, options)
    switch (decision) {
      case 'accepted':
        tally.accepted += part.entries
        return 'done'
      case 'rejected':
        health.rejection = answer.kind === 'status' ? answer.text.slice(0, 500) : undefined
        return reject(part, answer, tally)
      case 'too_large': {
        const halves = halve(part)
        if (halves !== undefined) return deliverAll(halves, tally, health, options, signal)
        tally.tooLarge += part.entries
        return 'done'
      }
      case 'later':
      case 'held': {
        tally.isUnanswered ||= decision === 'later'
        await delay(toWait(decision, answer, attempt, options), signal)
        if (await isTooOld(part, health, options)) {
          tally.tooOld += part.entries
          return 'done'
        }
        if (isTooMany(answer)) tooMany++
        if (tooMany < TOO_MANY_ATTEMPTS || isStopped(signal)) continue
        const halves = halve(part)
        if (halves !== undefined) return deliverAll(halves, tally, health, options, signal)
      }
    }
  }
  return 'stopped'
}

/** What waits behind it grows old, too, and goes first where it is. */
async function isTooOld(
  { untilMilliseconds }: Part,
  health: ShipHealth,
  { store, limits, clock, storeFailed }: ShipOptions,
): Promise<boolean> {
  await trim(health, store, limits, clock()).catch(storeFailed)
  return clock() > untilMilliseconds
}

function halve({ bodies, untilMilliseconds }: Part): readonly Part[] | undefined {
  return halveBodies(bodies)?.map(({ body, entries }) => ({
    ...{ bodies: [body], entries },
    untilMilliseconds,
  }))
}

/** In order. */
async function deliverAll(
  parts: readonly Part[],
  tally: Tally,
  health: ShipHealth,
  options: ShipOptions,
  signal: AbortSignal,
): Promise<Ending> {
  let refused: Refusal | undefined
  for (const part of parts) {
    const ending = await deliver(part, tally, health, options, signal)
    if (ending === 'stopped') return ending
    if (ending !== 'done') refused = ending
  }
  return refused ?? 'done'
}

/** The rest of a rejected push was stored. */
function reject({ entries }: Part, answer: Answer, tally: Tally): Ending {
  const rejected = toRejectedCount(answer.text, entries)
  tally.rejected += rejected
  tally.accepted += entries - rejected
  const refused = toRefusedTimes(answer.text)
  if (refused === undefined) return 'done'
  return {
    refused,
    dateMilliseconds: 'dateMilliseconds' in answer ? answer.dateMilliseconds : undefined,
  }
}

function isTooMany(answer: Answer): boolean {
  return answer.kind === 'status' && answer.status === 429
}

async function timedPush(
  body: Buffer,
  health: ShipHealth,
  { pusher, tenant, pushed, clock }: ShipOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const begun = performance.now()
  const sent = clock()
  const answer = await pusher.push(body, tenant, signal)
  pushed((performance.now() - begun) / 1000)
  const date = answer.kind === 'status' ? answer.dateMilliseconds : undefined
  const wallMilliseconds = clock()
  const milliseconds = toOffset(date, sent, wallMilliseconds)
  if (milliseconds !== undefined) {
    health.offset = { milliseconds, wallMilliseconds, monotonicMilliseconds: performance.now() }
  }
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

function note(
  health: ShipHealth,
  decision: Decision,
  answer: Answer,
  { tenant, clock, changed }: ShipOptions,
): void {
  const { troubles } = health
  const before = troubles.get(tenant)
  if (decision === 'accepted') {
    if (troubles.delete(tenant)) changed(undefined)
  } else if (decision !== 'too_large') {
    const sinceMilliseconds = before?.sinceMilliseconds ?? clock()
    const trouble = { text: toTrouble(answer), sinceMilliseconds }
    troubles.set(tenant, trouble)
    health.lastError = { text: trouble.text, atMilliseconds: clock() }
    if (before === undefined) changed(trouble)
  }
}

function toTrouble(answer: Answer): string {
  if (answer.kind === 'unreachable') return `cannot reach Loki: ${answer.text}`
  return `Loki answered ${answer.status}: ${answer.text.slice(0, 300)}`
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count)
}
