/**
 * The store after a crash, wherever it cut what was being written: counts, positions and outbox are
 * of one moment, so that what comes again from there is counted once and shipped once.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Alert } from '../../src/alert.js'
import { createLedger, type Ledger } from '../../src/ledger/index.js'
import { createCounts, toBudget, type Counts } from '../../src/series/index.js'
import { openStore, type Store } from '../../src/store/index.js'
import { alertOf } from './support.js'

const RULES = 3

function alertAt(sequence: number): Alert {
  const position = { streamId: 's', sequence: BigInt(sequence) }
  return alertOf({ rule: `rule ${sequence % RULES}`, position })
}

interface Running {
  readonly store: Store
  readonly counts: Counts
  readonly ledger: Ledger
  stop(): Promise<void>
}

/** The way of an alert from the daemon to the outbox, on this directory. */
async function start(directory: string, idleMilliseconds: number): Promise<Running> {
  const store = await openStore(directory)
  const counts = createCounts(toBudget(100), store.kept)
  const ledger = createLedger({
    ...{ store, counts, counted: () => true, idleMilliseconds, clock: Date.now },
    encode: (alerts, toEventId) => {
      const ids = Array.from(alerts, toEventId)
      const body = Buffer.from(ids.join('\n'))
      const chunk = { tenant: '', entries: ids.length, plainBytes: body.length, body }
      return Promise.resolve(ids.length === 0 ? [] : [chunk])
    },
    committed: () => undefined,
    changed: () => undefined,
  })
  const ending = new AbortController()
  const running = ledger.run(ending.signal)
  return {
    ...{ store, counts, ledger },
    async stop() {
      ending.abort()
      await running
      await store.close()
    },
  }
}

/** As the daemon does: from behind the position on, in batches. */
async function deliver({ ledger }: Running, until: number, batch: number): Promise<void> {
  let next = Number(ledger.position('d')?.sequence ?? 0n) + 1
  for (; next <= until; next += batch) {
    const length = Math.min(batch, until - next + 1)
    const alerts = Array.from({ length }, (_, index) => alertAt(next + index))
    await ledger.take({ daemon: 'd', alerts, newest: undefined })
  }
}

/** Pushes some of what waits; Loki keeps what it has once. */
async function ship({ store }: Running, loki: Set<string>, entries: number): Promise<void> {
  const limits = { bytes: 1_000_000, plainBytes: 1_000_000, entries }
  const { refs, bodies } = await store.nextChunks(limits, '')
  for (const body of bodies) for (const id of body.toString().split('\n')) loki.add(id)
  await store.finish(refs)
}

/** A power cut: the last of what was written is not there. */
function cut(directory: string, copy: string, share: number): void {
  cpSync(directory, copy, { recursive: true })
  for (const name of readdirSync(join(copy, 'store'))) {
    const path = join(copy, 'store', name)
    if (name.endsWith('.log')) truncateSync(path, Math.floor(statSync(path).size * share))
    if (name === 'LOCK') rmSync(path)
  }
}

async function countOf({ store, counts }: Running): Promise<number> {
  const shown = [...counts.all()]
  const keys = Array.from({ length: RULES }, (_, rule) => alertOf({ rule: `rule ${rule}` }))
  const hidden = await store.findHidden(counts.unknown(keys))
  return [...shown, ...hidden.values()].reduce((sum, { count }) => sum + count, 0)
}

const step = fc.record({
  alerts: fc.integer({ min: 1, max: 40 }),
  batch: fc.integer({ min: 1, max: 9 }),
  shipped: fc.nat(30),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  isIdle: fc.boolean(),
})

void t.test('whenever it crashes, each alert is counted once and shipped once', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'peregrine-crash-'))
  t.teardown(() => {
    rmSync(root, { recursive: true, force: true })
  })
  let number = 0
  let partial = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      const loki = new Set<string>()
      let directory = join(root, String(++number))
      let sent = 0
      for (const { alerts, batch, shipped, share, isIdle } of steps) {
        const running = await start(directory, isIdle ? 1 : 1_000_000)
        sent += alerts
        await deliver(running, sent, batch)
        await ship(running, loki, shipped)
        await running.stop()
        const copy = join(root, String(++number))
        cut(directory, copy, share)
        directory = copy

        const after = await start(directory, 1_000_000)
        const position = Number(after.ledger.position('d')?.sequence ?? 0n)
        if (position < sent) partial++
        if (after.store.movedAside !== undefined) throw new Error('taken for damaged')
        const counted = await countOf(after)
        if (counted !== position) throw new Error(`${counted} counted, position ${position}`)
        await after.stop()
      }
      const last = await start(directory, 1_000_000)
      await deliver(last, sent, 100)
      if ((await countOf(last)) !== sent) throw new Error('not each once')
      while (last.store.waiting.entries > 0) await ship(last, loki, 1_000)
      await last.stop()
      for (let sequence = 1; sequence <= sent; sequence++) {
        if (!loki.has(`s:${sequence}`)) throw new Error(`${sequence} is not shipped`)
      }
      if (loki.size !== sent) throw new Error('shipped under two names')
    }),
    { numRuns: 40 },
  )
  t.ok(partial > 10, `${partial} crashes lost something that came again`)
})
