import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t from 'tap'
import { openStore, type Transaction } from '../../src/store/index.js'

function directoryOf(t: { teardown: (work: () => void) => void }): string {
  const path = mkdtempSync(join(tmpdir(), 'peregrine-store-'))
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

function transaction(number: number): Transaction {
  const series = {
    key: `rule\n4\nhost\n\n\n\npod ${number}`,
    birth: number,
    bornMilliseconds: number,
    base: 0,
    count: number,
    lastSeenMilliseconds: number,
  }
  return {
    series: [series],
    positions: new Map([['unix:///a', { streamId: 's', sequence: BigInt(number) }]]),
    chunks: [{ tenant: '', entries: 2, plainBytes: 60, body: Buffer.from(`body ${number}`) }],
    revived: [],
  }
}

const ALL = { bytes: 1_000, plainBytes: 1_000, entries: 1_000 }

void t.test('what was committed comes back', async (t) => {
  const directory = directoryOf(t)
  const first = await openStore(directory)
  await first.commit(transaction(1), 10)
  await first.commit(transaction(2), 20)
  await first.keepScraper({ name: '10.0.0.1 Prometheus', shownBirth: 2, atMilliseconds: 30 })
  await first.close()

  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.same(second.kept.series, [...transaction(1).series, ...transaction(2).series])
  t.same([...second.kept.positions], [['unix:///a', { streamId: 's', sequence: 2n }]])
  t.same(second.kept.scrapers, [{ name: '10.0.0.1 Prometheus', shownBirth: 2, atMilliseconds: 30 }])
  t.same(second.waiting, { entries: 4, bytes: 12, plainBytes: 120, oldestMilliseconds: 10 })
  const { refs, bodies } = await second.nextChunks(ALL, '')
  t.same(bodies.map(String), ['body 1', 'body 2'])
  await second.finish(refs.slice(0, 1))
  t.same((await second.nextChunks(ALL, '')).bodies.map(String), ['body 2'])
  await second.commit(transaction(3), 40)
  t.same((await second.nextChunks(ALL, '')).bodies.map(String), ['body 2', 'body 3'])
})

void t.test('a batch takes whole chunks, at least one', async (t) => {
  const store = await openStore(directoryOf(t))
  t.teardown(() => store.close())
  for (let number = 1; number <= 5; number++) await store.commit(transaction(number), number)
  t.equal((await store.nextChunks({ ...ALL, bytes: 13 }, '')).refs.length, 2)
  t.equal((await store.nextChunks({ ...ALL, plainBytes: 150 }, '')).refs.length, 2)
  t.equal((await store.nextChunks({ ...ALL, entries: 3 }, '')).refs.length, 1)
  t.equal((await store.nextChunks({ bytes: 1, plainBytes: 1, entries: 1 }, '')).refs.length, 1)
})

void t.test('limits give up the oldest, but not what is being pushed', async (t) => {
  const store = await openStore(directoryOf(t))
  t.teardown(() => store.close())
  for (let number = 1; number <= 5; number++) await store.commit(transaction(number), number * 100)
  t.same(await store.trim({ bytes: 1_000, ageMilliseconds: 300 }, 550), { tooMany: 0, tooOld: 4 })
  await store.nextChunks({ ...ALL, bytes: 6 }, '')
  t.same(await store.trim({ bytes: 6, ageMilliseconds: 1_000 }, 550), { tooMany: 4, tooOld: 0 })
  t.same((await store.nextChunks(ALL, '')).bodies.map(String), ['body 3'])
})

void t.test('another chunk stands for some, in their place, also in the next run', async (t) => {
  const directory = directoryOf(t)
  const first = await openStore(directory)
  for (let number = 1; number <= 3; number++) await first.commit(transaction(number), number)
  const { refs } = await first.nextChunks({ ...ALL, entries: 4 }, '')
  const other = { tenant: '', entries: 4, plainBytes: 120, body: Buffer.from('other') }
  await first.replace(refs, other)
  const expected = ['other', 'body 3']
  t.same((await first.nextChunks(ALL, '')).bodies.map(String), expected)
  t.equal(first.waiting.oldestMilliseconds, 1, 'and is as old')
  await first.commit(transaction(4), 4)
  await first.close()

  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.same((await second.nextChunks(ALL, '')).bodies.map(String), [...expected, 'body 4'])
  t.equal(second.waiting.entries, 8)
})

void t.test('tenants have lines of their own', async (t) => {
  const store = await openStore(directoryOf(t))
  t.teardown(() => store.close())
  const chunks = ['a/b', '', 'a/b'].map((tenant, index) => ({
    tenant,
    entries: 1,
    plainBytes: 1,
    body: Buffer.from(String(index)),
  }))
  await store.commit({ ...transaction(1), chunks }, 1)
  t.same([...store.tenants()].toSorted(), ['', 'a/b'])
  const { refs, bodies } = await store.nextChunks(ALL, 'a/b')
  t.same(bodies.map(String), ['0', '2'])
  await store.finish(refs)
  t.same((await store.nextChunks(ALL, '')).bodies.map(String), ['1'])
})

void t.test('hidden series are kept, found, and counted, also by the next run', async (t) => {
  const directory = directoryOf(t)
  const first = await openStore(directory)
  await first.commit(transaction(1), 1)
  await first.commit(transaction(2), 2)
  await first.keepScraper({ name: 'p', shownBirth: 9, atMilliseconds: 3 })
  t.equal(await first.hide(transaction(1).series), 0)
  await first.close()
  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.same(second.kept.series, transaction(2).series)
  t.equal(second.kept.lastBirth, 9)
  t.equal(second.hiddenSeries, 1)
  const [record] = transaction(1).series
  const key = record?.key ?? ''
  const found = await second.findHidden(['none', key])
  t.same([...found], [[key, record]])
  await second.commit({ ...transaction(1), revived: [key] }, 4)
  t.equal(second.hiddenSeries, 0)
  t.equal((await second.findHidden([key])).size, 0)
})

void t.test('a store of a newer version is refused', async (t) => {
  const directory = directoryOf(t)
  const database = new ClassicLevel(join(directory, 'store'))
  await database.put('meta/version', '2')
  await database.close()
  await t.rejects(openStore(directory), { code: 'PGR_STORE_NEWER' })
})

void t.test('a damaged store goes aside, and a fresh one opens', async (t) => {
  const directory = directoryOf(t)
  const first = await openStore(directory)
  await first.commit(transaction(1), 1)
  await first.close()
  for (const name of readdirSync(join(directory, 'store'))) {
    if (name.startsWith('MANIFEST')) writeFileSync(join(directory, 'store', name), 'garbage')
  }
  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.match(second.movedAside, /store\.damaged-\d+$/)
  t.same(second.kept.series, [])
  await second.commit(transaction(1), 1)
})

void t.test('a temporary store goes with its close', async (t) => {
  const before = new Set(readdirSync(tmpdir()))
  const store = await openStore(':temporary:')
  await store.commit(transaction(1), 1)
  const mine = readdirSync(tmpdir()).filter(
    (name) => /^peregrine-\w{6}$/.test(name) && !before.has(name),
  )
  t.ok(mine.length >= 1)
  await store.close()
  t.notOk(readdirSync(tmpdir()).some((name) => mine.length === 1 && name === mine[0]))
})
