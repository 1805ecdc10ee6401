import t from 'tap'
import type { Alert } from '../../src/alert.js'
import { createLedger, type Ledger, type LedgerHealth } from '../../src/ledger/index.js'
import { createCounts, toBudget, type Counts } from '../../src/series/index.js'
import { openStore, type Store, type Transaction } from '../../src/store/index.js'
import { alertOf } from './support.js'

interface Parts {
  readonly ledger: Ledger
  readonly counts: Counts
  readonly store: Store
  readonly transactions: Transaction[]
  readonly changes: (string | undefined)[]
}

/** A real store, whose first commits fail as a full disk makes them. */
async function build(failures: number): Promise<Parts> {
  const inner = await openStore(':temporary:')
  const transactions: Transaction[] = []
  let left = failures
  const store: Store = {
    ...inner,
    get waiting() {
      return inner.waiting
    },
    get hiddenSeries() {
      return inner.hiddenSeries
    },
    commit(transaction, now) {
      transactions.push(transaction)
      if (left-- > 0) return Promise.reject(new Error('no space left on device'))
      return inner.commit(transaction, now)
    },
  }
  const counts = createCounts(toBudget(100))
  const changes: (string | undefined)[] = []
  const ledger = createLedger({
    store,
    counts,
    counted: () => true,
    idleMilliseconds: 1_000_000,
    encode: (alerts) =>
      Promise.resolve([
        { tenant: '', entries: alerts.length, plainBytes: 1, body: Buffer.from('x') },
      ]),
    clock: () => 1,
    committed: () => undefined,
    changed: ({ trouble }: LedgerHealth) => changes.push(trouble),
    backoff: { firstMilliseconds: 1, limitMilliseconds: 2 },
  })
  return { ledger, counts, store, transactions, changes }
}

function deliver(ledger: Ledger, ...sequences: readonly number[]): Promise<boolean> {
  const alerts: Alert[] = sequences.map((sequence) =>
    alertOf({ position: { streamId: 's', sequence: BigInt(sequence) } }),
  )
  return ledger.take({ daemon: 'd', alerts, newest: undefined })
}

void t.test('a failing store is tried until it works; nothing shows before', async (t) => {
  const { ledger, counts, store, transactions, changes } = await build(3)
  const stop = new AbortController()
  const running = ledger.run(stop.signal)
  const taken = deliver(ledger, 1, 2)
  t.equal(ledger.health.waiting, 2)
  t.equal(counts.size, 0)
  await taken
  t.equal(transactions.length, 4)
  t.ok(transactions.every((transaction) => transaction === transactions[0]))
  t.same(changes, ['no space left on device', undefined], 'said once, and once that it works again')
  t.match(ledger.health, { counted: 2, waiting: 0, commits: 1, commitFailures: 3 })
  t.same(ledger.position('d'), { streamId: 's', sequence: 2n })
  t.equal(store.waiting.entries, 2)
  stop.abort()
  await running
  await store.close()
})

void t.test('deliveries that wait share a commit', async (t) => {
  const { ledger, store, transactions } = await build(0)
  const stop = new AbortController()
  const taken = [deliver(ledger, 1), deliver(ledger, 2), deliver(ledger, 2, 3)]
  const running = ledger.run(stop.signal)
  await Promise.all(taken)
  t.equal(transactions.length, 1)
  t.match(ledger.health, { counted: 3, duplicates: 1 })
  stop.abort()
  await running
  await store.close()
})

void t.test('a stop keeps what was taken, and lets nobody wait for ever', async (t) => {
  const { ledger, store, counts } = await build(0)
  const stop = new AbortController()
  const running = ledger.run(stop.signal)
  const taken = deliver(ledger, 1)
  stop.abort()
  await Promise.all([running, taken])
  t.equal([...counts.all()][0]?.count, 1)
  await deliver(ledger, 2)
  t.equal(ledger.health.counted, 1, 'too late: the daemon sends it again')
  await store.close()

  const broken = await build(Infinity)
  const stopBroken = new AbortController()
  const runningBroken = broken.ledger.run(stopBroken.signal)
  const lost = deliver(broken.ledger, 1)
  stopBroken.abort()
  await Promise.all([runningBroken, lost])
  t.equal(broken.counts.size, 0)
  await broken.store.close()
})
