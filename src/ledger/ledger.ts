/** One line of commits for all daemons. See index.ts. */
import { randomUUID } from 'node:crypto'
import type { Alert, InvalidReason, Position } from '../alert.js'
import type { LastError } from '../last-error.js'
import type { Counts, SeriesRecord } from '../series/index.js'
import type { Chunk, Store } from '../store/index.js'
import type { Delivery } from '../subscribe/index.js'
import { toPrintable } from '../text.js'
import { createBell, untilDone, type Backoff } from '../waits.js'
import { createPositions, sift, type Sifted } from './sift.js'

/** What others may know of the ledger; counted only when kept. */
export interface LedgerHealth {
  counted: number
  duplicates: number
  /** Taken in, not yet kept. */
  waiting: number
  commits: number
  commitFailures: number
  /** The store's last error, until a commit works. */
  trouble: string | undefined
  lastError: LastError | undefined
  readonly invalid: Map<InvalidReason, number>
  readonly notices: Map<string, number>
  noticesTotal: number
  readonly gaps: Map<string, number>
  readonly missed: Map<string, number>
  /** Detections that no series counts, because the user's filters leave them out. */
  filtered: number
  /** Entries put into the outbox. */
  outboxed: number
  /** Idle series that had no room on disk, and count anew when they come back. */
  forgotten: number
  /** The last invalid message of each reason, as it began. */
  readonly samples: Map<InvalidReason, { readonly text: string; readonly atMilliseconds: number }>
}

export interface LedgerOptions {
  readonly store: Store
  readonly counts: Counts
  /** Which detections are counted; asked at each commit. */
  readonly counted: (alert: Alert) => boolean
  /** Series without an alert for this long are hidden. */
  readonly idleMilliseconds: number
  /** Renders what goes into the outbox; undefined where nothing is shipped. */
  readonly encode:
    | ((
        alerts: readonly Alert[],
        toEventId: ToEventId,
        nowMilliseconds: number,
      ) => Promise<readonly Chunk[]>)
    | undefined
  readonly clock: () => number
  /** After each commit. */
  readonly committed: (sifted: Sifted, seconds: number) => void | Promise<void>
  /** The store began to fail, or works again. */
  readonly changed: (health: LedgerHealth) => void
  readonly backoff?: Backoff
}

export type ToEventId = (alert: Alert) => string

export interface Ledger {
  readonly health: LedgerHealth
  position(daemon: string): Position | undefined
  /** Resolves with true when the delivery is kept, with false if the ledger stops before that. */
  take(delivery: Delivery): Promise<boolean>
  /** Commits until the signal aborts, and then what is waiting. */
  run(signal: AbortSignal): Promise<void>
}

interface Waiting {
  readonly delivery: Delivery
  readonly done: (isKept: boolean) => void
}

/** With ten alerts a delivery, several hundred daemons share one sync of the disk. */
const COMMIT_ALERTS = 8_192
const BACKOFF: Backoff = { firstMilliseconds: 500, limitMilliseconds: 10_000 }
/** Rules' names are few; what a hostile daemon invents is one series. */
const NOTICE_RULES = 100
const RULE_LIMIT_BYTES = 256
/** How often idle series are looked for; shorter where they shall leave sooner. */
const SWEEP_MILLISECONDS = 60_000

export function createLedger(options: LedgerOptions): Ledger {
  const { store, counts, encode, clock } = options
  const positions = createPositions(store.kept.positions)
  const health = createHealth()
  const queue: Waiting[] = []
  const bell = createBell()
  const toEventId = createEventIds()
  let isStopped = false

  async function commit(taken: readonly Waiting[], signal: AbortSignal): Promise<boolean> {
    const deliveries = taken.map(({ delivery }) => delivery)
    const now = clock()
    const begun = performance.now()
    const sifted = sift(deliveries, positions)
    const counted = sifted.detections.filter(options.counted)
    const plan = counts.plan(counted, now, await findHidden(counted, signal))
    const chunks = (await encode?.(toShipped(sifted), toEventId, now)) ?? []
    const { changed, revived } = plan
    const transaction = { series: changed, positions: sifted.positions, chunks, revived }
    const isEmpty = changed.length + sifted.positions.size + chunks.length === 0
    const write = isEmpty ? () => Promise.resolve() : () => store.commit(transaction, now)
    const isKept = await untilDone(write, fail, options.backoff ?? BACKOFF, signal)
    if (!isKept) return false
    counts.apply(plan)
    for (const [daemon, position] of sifted.positions) positions.set(daemon, position)
    tally(health, sifted, chunks, now)
    health.counted += counted.length
    health.filtered += sifted.detections.length - counted.length
    if (!isEmpty) succeed()
    await options.committed(sifted, (performance.now() - begun) / 1000)
    return true
  }

  /** What was kept of label sets that were idle and are back. */
  async function findHidden(
    alerts: readonly Alert[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, SeriesRecord>> {
    let found: ReadonlyMap<string, SeriesRecord> = new Map()
    if (store.hiddenSeries === 0) return found
    const unknown = counts.unknown(alerts)
    if (unknown.size === 0) return found
    const find = async (): Promise<void> => {
      found = await store.findHidden(unknown)
    }
    await untilDone(find, fail, options.backoff ?? BACKOFF, signal)
    return found
  }

  const sweepMilliseconds = Math.min(SWEEP_MILLISECONDS, options.idleMilliseconds)
  let sweptAt = performance.now()

  /** Idle series leave; a store that fails keeps them where they are. */
  async function sweep(): Promise<void> {
    if (performance.now() - sweptAt < sweepMilliseconds) return
    sweptAt = performance.now()
    const idle = counts.idle(clock() - options.idleMilliseconds)
    if (idle.length === 0) return
    try {
      health.forgotten += await store.hide(idle)
      counts.hide(idle)
    } catch (error) {
      fail(error)
    }
  }

  function fail(error: unknown): void {
    health.commitFailures++
    const isNew = health.trouble === undefined
    health.trouble = describe(error)
    health.lastError = { text: health.trouble, atMilliseconds: clock() }
    if (isNew) options.changed(health)
  }

  function succeed(): void {
    health.commits++
    if (health.trouble === undefined) return
    health.trouble = undefined
    options.changed(health)
  }

  async function commitWaiting(signal: AbortSignal): Promise<void> {
    while (queue.length > 0) {
      const taken = takeSome(queue)
      const isKept = await commit(taken, signal)
      for (const { delivery, done } of taken) {
        health.waiting -= delivery.alerts.length
        done(isKept)
      }
    }
  }

  return {
    health,
    position: (daemon) => positions.of(daemon),
    take: (delivery) => {
      if (isStopped) return Promise.resolve(false)
      if (delivery.alerts.length === 0) return Promise.resolve(true)
      health.waiting += delivery.alerts.length
      return new Promise((done) => {
        queue.push({ delivery, done })
        bell.ring()
      })
    },
    async run(signal) {
      while (!signal.aborted) {
        await bell.wait(signal, sweepMilliseconds)
        await commitWaiting(signal)
        await sweep()
      }
      isStopped = true
      await commitWaiting(signal)
    },
  }
}

function takeSome(queue: Waiting[]): readonly Waiting[] {
  let alerts = 0
  let count = 0
  for (const { delivery } of queue) {
    alerts += delivery.alerts.length
    if (count > 0 && alerts > COMMIT_ALERTS) break
    count++
  }
  return queue.splice(0, count)
}

/** An alert's name for ever: its place in a journal, or where there is none, a made-up one. */
function createEventIds(): ToEventId {
  const run = randomUUID()
  let unplaced = 0
  return ({ position }) =>
    position === undefined
      ? `${run}:${++unplaced}`
      : `${position.streamId.slice(0, 64)}:${position.sequence}`
}

function createHealth(): LedgerHealth {
  return {
    counted: 0,
    duplicates: 0,
    waiting: 0,
    commits: 0,
    commitFailures: 0,
    trouble: undefined,
    lastError: undefined,
    invalid: new Map(),
    notices: new Map(),
    noticesTotal: 0,
    // From zero on, so that increase() sees the first.
    gaps: new Map(Array.from(GAP_REASONS, (reason) => [reason, 0])),
    missed: new Map(Array.from(GAP_REASONS, (reason) => [reason, 0])),
    filtered: 0,
    outboxed: 0,
    forgotten: 0,
    samples: new Map(),
  }
}

function toShipped({ detections, notices }: Sifted): readonly Alert[] {
  return notices.length === 0 ? detections : [...detections, ...notices]
}

function tally(
  health: LedgerHealth,
  sifted: Sifted,
  chunks: readonly Chunk[],
  nowMilliseconds: number,
): void {
  health.duplicates += sifted.duplicates
  health.noticesTotal += sifted.notices.length
  for (const [reason, { count, sample }] of sifted.invalid) {
    add(health.invalid, reason, count)
    health.samples.set(reason, { text: sample, atMilliseconds: nowMilliseconds })
  }
  for (const notice of sifted.notices) {
    const rule = toPrintable(notice.rule, RULE_LIMIT_BYTES)
    const isRoom = health.notices.has(rule) || health.notices.size < NOTICE_RULES
    add(health.notices, isRoom ? rule : 'other', 1)
  }
  for (const gap of sifted.gaps) {
    const reason = toGapReason(gap.reason)
    add(health.gaps, reason, 1)
    const missing = gap.lastSequence === 0n ? 0n : gap.lastSequence - gap.firstSequence + 1n
    add(health.missed, reason, missing > 0n ? Number(missing) : 0)
  }
  health.outboxed += chunks.reduce((total, { entries }) => total + entries, 0)
}

const GAP_REASONS: ReadonlySet<string> = new Set([
  'retention',
  'slow_subscriber',
  'journal_lost',
  'unannounced',
  'other',
])

function toGapReason(reason: string): string {
  return GAP_REASONS.has(reason) ? reason : 'other'
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? describe(error.cause) : error.message
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count)
}
