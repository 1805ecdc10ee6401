import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { toBudget } from '../../src/series/budget.js'
import { createCounts, type Counts, type SeriesRecord } from '../../src/series/counts.js'
import { newBlocks, renderSeries } from '../../src/series/exposition.js'
import {
  fromKey,
  LABEL_NAMES,
  PLAIN_LABELS,
  toAlertKey,
  toKey,
  toLabels,
  toLabelText,
  type LabelConfig,
} from '../../src/series/labels.js'
import {
  createScrapers,
  toScraperName,
  type Connection,
  type ScraperRecord,
} from '../../src/series/scrapers.js'
import { createScrapeRenderer } from '../../src/serve/scrape.js'
import { alertOf } from './support.js'

/** A connection that the test can cut. */
function connect(): { destroyed: boolean; readableEnded: boolean } {
  return { destroyed: false, readableEnded: false }
}

const NOBODY = createScrapers().show(undefined, Infinity, 0)
const wild = fc.string({ unit: 'binary', maxLength: 300 })

function count(counts: Counts, alerts: Parameters<Counts['plan']>[0], now = 0): void {
  counts.apply(counts.plan(alerts, now))
}

/** Reads label text as the text format's parsers do. */
function parseLabelText(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\\n]|\\[\\"n])*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) =>
      escaped === 'n' ? '\n' : escaped,
    )
  }
  return labels
}

const EXTRA: LabelConfig = {
  extra: [
    { name: 'image', field: 'container.image' },
    { name: 'user', field: 'user.name' },
  ],
  fixed: [{ name: 'cluster', value: 'we"st' }],
  priority: 'name',
}

void t.test('labels come through the text format and through the store unchanged', (t) => {
  fc.assert(
    fc.property(wild, wild, fc.array(wild), wild, wild, (rule, hostname, tags, pod, image) => {
      const fields = new Map([
        ['k8s.pod.name', pod],
        ['container.image', image],
      ])
      const alert = alertOf({ rule, hostname, tags, fields })
      for (const config of [PLAIN_LABELS, EXTRA]) {
        const labels = toLabels(alert, config)
        const { extra, ...seven } = labels
        const fixed = config.fixed.map(({ name, value }) => [name, value] as const)
        t.same(parseLabelText(toLabelText(labels, config)), {
          ...seven,
          ...Object.fromEntries([...extra, ...fixed]),
        })
        t.same(fromKey(toKey(labels)), labels)
        t.equal(toAlertKey(alert, config), toKey(labels))
        t.notMatch(toLabelText(labels, config), '\n')
      }
    }),
    { numRuns: 1_000 },
  )
  const labels = toLabels(alertOf({ priority: 0, tags: [] }), PLAIN_LABELS)
  t.same(Object.keys(labels), [...LABEL_NAMES, 'extra'])
  t.match(labels, { priority: '0', tags: '' })
  t.equal(toLabels(alertOf({ priority: 6 }), EXTRA).priority, 'Informational')
  t.equal(toLabels(alertOf({ tags: ['a', 'b'] }), PLAIN_LABELS).tags, ',a,b,')
  const long = toLabels(alertOf({ rule: 'é'.repeat(65_536) }), PLAIN_LABELS)
  t.ok(Buffer.byteLength(long.rule) <= 256)
  t.end()
})

void t.test('audit events are about the pod that they name', (t) => {
  const cases: readonly (readonly [fields: Record<string, string>, ns: string, pod: string])[] = [
    [{ 'ka.target.namespace': 'shop', 'ka.target.pod.name': 'cart-1' }, 'shop', 'cart-1'],
    [
      { 'ka.target.namespace': 'shop', 'ka.target.resource': 'pods', 'ka.target.name': 'cart-2' },
      'shop',
      'cart-2',
    ],
    [{ 'ka.target.resource': 'secrets', 'ka.target.name': 'key' }, '', ''],
    [{ 'k8s.ns.name': 'own', 'ka.target.namespace': 'other' }, 'own', ''],
  ]
  for (const [fields, namespace, pod] of cases) {
    const alert = alertOf({ source: 'k8s_audit', fields: new Map(Object.entries(fields)) })
    const labels = toLabels(alert, PLAIN_LABELS)
    t.match(labels, { k8s_ns_name: namespace, k8s_pod_name: pod })
  }
  t.end()
})

void t.test('over budget, sums stay right and no rule takes all', (t) => {
  const drawn = fc.array(fc.tuple(fc.nat(5), fc.nat(400)), { maxLength: 500 })
  fc.assert(
    fc.property(drawn, fc.integer({ min: 1, max: 60 }), (pairs, size) => {
      const budget = toBudget(size)
      const counts = createCounts(budget)
      const alerts = pairs.map(([rule, pod]) =>
        alertOf({ rule: `rule ${rule}`, fields: new Map([['k8s.pod.name', String(pod)]]) }),
      )
      for (let from = 0; from < alerts.length; from += 7)
        count(counts, alerts.slice(from, from + 7))
      const sums = new Map<string, number>()
      for (const series of counts.all()) {
        sums.set(series.rule, (sums.get(series.rule) ?? 0) + series.count)
      }
      for (let rule = 0; rule <= 5; rule++) {
        const expected = pairs.filter(([drawnRule]) => drawnRule === rule).length
        if ((sums.get(`rule ${rule}`) ?? 0) !== expected) throw new Error(`rule ${rule} is off`)
      }
      const regular = [...counts.all()].filter(({ key }) => !key.includes('__overflow__'))
      if (regular.length > size) throw new Error('over budget')
      for (let rule = 0; rule <= 5; rule++) {
        const own = regular.filter((series) => series.rule === `rule ${rule}`)
        if (own.length > budget.perRule) throw new Error('over its share')
      }
    }),
  )
  t.end()
})

void t.test('a pod whose extra labels have endless values pushes out no other', (t) => {
  const config: LabelConfig = {
    ...PLAIN_LABELS,
    extra: [{ name: 'process', field: 'proc.name' }],
  }
  const counts = createCounts(toBudget(4_000), undefined, config)
  const noisy = Array.from({ length: 20_000 }, (_, index) =>
    alertOf({
      rule: `rule ${index % 10}`,
      fields: new Map([
        ['k8s.ns.name', 'shop'],
        ['k8s.pod.name', 'noisy'],
        ['proc.name', `p${index}`],
      ]),
    }),
  )
  for (let from = 0; from < noisy.length; from += 1_000) {
    count(counts, noisy.slice(from, from + 1_000))
  }
  t.equal(counts.size, 200 + 10, 'its share, and an overflow series for each rule')
  const others = Array.from({ length: 1_000 }, (_, index) =>
    alertOf({ rule: `rule ${index % 10}`, fields: new Map([['k8s.pod.name', `pod-${index}`]]) }),
  )
  count(counts, others)
  t.equal(counts.size, 210 + 1_000)
  let sum = 0
  for (const series of counts.all()) sum += series.count
  t.equal(sum, noisy.length + others.length)

  const idle = counts.idle(Infinity)
  counts.hide(idle)
  count(counts, noisy.slice(0, 150))
  t.equal(counts.size, 10 + 150, 'what is hidden takes no share')
  t.end()
})

void t.test('a million pods take the room of the budget, and each alert counts', (t) => {
  const counts = createCounts(toBudget(2_000))
  const million = 1_000_000
  const batch = 8_192
  for (let from = 0; from < million; from += batch) {
    const length = Math.min(batch, million - from)
    const alerts = Array.from({ length }, (_, index) =>
      alertOf({ fields: new Map([['k8s.pod.name', `pod-${from + index}`]]) }),
    )
    count(counts, alerts)
  }
  let sum = 0
  for (const series of counts.all()) sum += series.count
  t.equal(sum, million)
  t.ok(counts.size <= 2_000 + 1_008)
  t.end()
})

void t.test('when even rules are too many, priority is left', (t) => {
  const counts = createCounts({ series: 1, perRule: 1, perPod: 1, overflow: 2 })
  const rules = Array.from({ length: 10 }, (_, index) => alertOf({ rule: `rule ${index}` }))
  count(counts, rules)
  t.equal(counts.size, 4)
  t.equal(
    [...counts.all()].reduce((sum, series) => sum + series.count, 0),
    10,
  )
  t.match([...counts.all()].at(-1), { rule: '__overflow__', count: 7 })
  t.end()
})

void t.test('a plan changes nothing until it is applied, and what is kept comes back', (t) => {
  const counts = createCounts(toBudget(10))
  const plan = counts.plan([alertOf(), alertOf(), alertOf({ rule: 'Other' })], 1_000)
  t.equal(counts.size, 0)
  counts.apply(plan)
  t.equal(counts.size, 2)
  const again = createCounts(toBudget(10), { series: plan.changed, lastBirth: 0 })
  t.same([...again.all()], [...counts.all()])
  count(again, [alertOf({ rule: 'Third' })], 2_000)
  t.equal([...again.all()].at(-1)?.birth, 3, 'births go on where they were')
  t.end()
})

void t.test('the page', (t) => {
  const counts = createCounts(toBudget(10))
  count(counts, [alertOf(), alertOf()], 1_700_000_000_500)
  count(
    counts,
    [alertOf({ rule: 'A "quoted" \\ rule', fields: new Map(), tags: [] })],
    1_700_000_001_000,
  )
  t.matchSnapshot([...renderSeries(counts, NOBODY, newBlocks)].join(''))
  t.end()
})

void t.test('first zeros', (t) => {
  const counts = createCounts(toBudget(100))
  const scrapers = createScrapers()
  let now = 10_000_000
  const values = (name: string | undefined, isDelivered = true): Record<string, number> => {
    now += 15_000
    const from = name === undefined ? undefined : { name, connection: connect() }
    const showing = scrapers.show(from, counts.lastBirth, now)
    if (from !== undefined) from.connection.destroyed = true
    const page = [...renderSeries(counts, showing, newBlocks)].join('')
    if (showing.scraper !== undefined && isDelivered) scrapers.shown(showing.scraper, showing, now)
    return Object.fromEntries(
      [...page.matchAll(/^falco_events\{rule="([^"]*)".* (\d+)$/gm)].map(([, rule = '', value]) => [
        rule,
        Number(value),
      ]),
    )
  }

  count(counts, [alertOf({ rule: 'old' })], now)
  now += 10 * 60_000
  count(counts, [alertOf({ rule: 'young' }), alertOf({ rule: 'young' })], now)
  t.same(values(undefined), { old: 1, young: 2 }, 'a person sees true values')
  t.same(values('p1'), { old: 1, young: 0 }, 'a new scraper: zero for what is young')
  t.same(values('p1'), { old: 1, young: 2 }, 'then the truth')
  t.same(values('p2'), { old: 1, young: 0 }, 'each scraper has its own')

  count(counts, [alertOf({ rule: 'new' })], now)
  t.same(values(undefined), { old: 1, young: 2, new: 1 })
  t.match(values('p1', false), { new: 0 }, 'an answer that never arrived')
  t.match(values('p1'), { new: 0 }, 'does not use up the zero')
  count(counts, [alertOf({ rule: 'new' }), alertOf({ rule: 'old' })], now)
  t.same(values('p1'), { old: 2, young: 2, new: 2 })
  now += 3_600_000
  t.match(values('p2'), { new: 0 }, 'a known scraper gets its zero however late it comes')
  t.match(values('p2'), { new: 2 })
  now -= 7_200_000
  count(counts, [alertOf({ rule: 'after the clock went back' })], now)
  t.match(values('p1'), { 'after the clock went back': 0, old: 2 })
  t.match(values('p1'), { 'after the clock went back': 1 })
  t.end()
})

void t.test('scrapers are kept over a restart, and bounded', (t) => {
  const counts = createCounts(toBudget(100))
  count(counts, [alertOf()], 1_000)
  const first = createScrapers()
  const showing = first.show({ name: 'p', connection: connect() }, counts.lastBirth, 2_000)
  t.equal(showing.showsBase({ birth: 1, bornMilliseconds: 1_000 }), true)
  const record = first.shown(showing.scraper ?? '', showing, 2_000)
  const second = createScrapers([record])
  const again = second.show({ name: 'p', connection: connect() }, counts.lastBirth, 3_000)
  t.equal(again.showsBase({ birth: 1, bornMilliseconds: 1_000 }), false, 'no second zero')
  for (let index = 0; index < 1_000; index++) second.shown(`s${index}`, again, index)
  t.equal(second.size, 64)
  t.end()
})

void t.test('two servers behind one address each get their zero, also over restarts', (t) => {
  const counts = createCounts(toBudget(100))
  const kept: ScraperRecord[] = []
  let scrapers = createScrapers()
  let now = 1_000_000
  const sees = (connection: Connection): string => {
    now += 1_000
    const showing = scrapers.show({ name: 'p', connection }, counts.lastBirth, now)
    const page = [...renderSeries(counts, showing, newBlocks)].join('')
    kept.push(scrapers.shown(showing.scraper ?? '', showing, now))
    const values = [...page.matchAll(/^falco_events\{.* (\d+)$/gm)]
    return values.map(([, value]) => value).join(' ')
  }
  let a = connect()
  let b = connect()
  count(counts, [alertOf({ rule: 'one' })], now)
  t.same([sees(a), sees(b), sees(a), sees(b)], ['0', '0', '1', '1'])
  count(counts, [alertOf({ rule: 'two' })], now)
  t.same([sees(a), sees(b), sees(a), sees(b)], ['1 0', '1 0', '1 1', '1 1'])

  a.destroyed = true
  a = connect()
  count(counts, [alertOf({ rule: 'three' })], now)
  t.same([sees(b), sees(a), sees(b), sees(a)], ['1 1 0', '1 1 0', '1 1 1', '1 1 1'])

  const last = new Map(kept.map((record) => [record.name, record]))
  scrapers = createScrapers(last.values())
  a = connect()
  b = connect()
  t.same([sees(b), sees(a)], ['1 1 1', '1 1 1'], 'no second zero after our own restart')
  t.equal(scrapers.size, 2)
  t.end()
})

void t.test('idle series leave, and come back with their count, shown first', (t) => {
  const counts = createCounts(toBudget(100))
  const scrapers = createScrapers()
  const connection = connect()
  const value = (): number | undefined => {
    const showing = scrapers.show({ name: 'p', connection }, counts.lastBirth, 0)
    const page = [...renderSeries(counts, showing, newBlocks)].join('')
    scrapers.shown(showing.scraper ?? '', showing, 0)
    const found = /^falco_events\{rule="seldom".* (\d+)$/m.exec(page)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  const seldom = alertOf({ rule: 'seldom' })
  count(counts, [seldom, seldom, seldom], 1_000)
  count(counts, [alertOf({ rule: 'often' })], 90_000)
  t.equal(value(), 0)
  t.equal(value(), 3)
  const idle = counts.idle(60_000)
  t.same(
    idle.map(({ count: kept }) => kept),
    [3],
  )
  counts.hide(idle)
  t.equal(value(), undefined)
  t.equal(counts.size, 1)

  t.equal(counts.unknown([seldom, alertOf({ rule: 'often' })]).size, 1)
  const hidden = new Map(idle.map((record) => [record.key, record]))
  const plan = counts.plan([seldom], 100_000, hidden)
  t.same(plan.revived, [...hidden.keys()])
  counts.apply(plan)
  t.equal(value(), 3, 'the count it had, so that the step to the next is seen')
  t.equal(value(), 4)
  t.end()
})

void t.test('whatever hides and comes back, no count is lost', (t) => {
  const steps = fc.array(fc.tuple(fc.nat(5), fc.boolean()), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (drawn) => {
      const counts = createCounts(toBudget(1_000))
      const hidden = new Map<string, SeriesRecord>()
      let now = 0
      for (const [rule, isIdle] of drawn) {
        now += isIdle ? 100_000 : 1
        const idle = counts.idle(now - 50_000)
        for (const record of idle) hidden.set(record.key, record)
        counts.hide(idle)
        const alerts = [alertOf({ rule: `rule ${rule}` })]
        const plan = counts.plan(alerts, now, hidden)
        for (const key of plan.revived) hidden.delete(key)
        counts.apply(plan)
      }
      const all = [...counts.all(), ...hidden.values()]
      for (let rule = 0; rule <= 5; rule++) {
        const sum = all
          .filter(({ key }) => key.startsWith(`rule ${rule}\n`))
          .reduce((total, record) => total + record.count, 0)
        const expected = drawn.filter(([drawnRule]) => drawnRule === rule).length
        if (sum !== expected) throw new Error(`rule ${rule}: ${sum}, not ${expected}`)
      }
      const births = Array.from(counts.all(), ({ birth }) => birth)
      return births.every((birth, index) => index === 0 || birth > (births[index - 1] ?? 0))
    }),
  )
  t.end()
})

void t.test('births go on behind what scrapers have seen', (t) => {
  const counts = createCounts(toBudget(10), { series: [], lastBirth: 7 })
  count(counts, [alertOf()])
  t.equal(counts.lastBirth, 8)
  t.end()
})

void t.test('who is a scraper', (t) => {
  const headers = { 'x-prometheus-scrape-timeout-seconds': '10', 'user-agent': 'Prometheus/3' }
  t.equal(toScraperName(headers, '10.0.0.1'), '10.0.0.1 Prometheus/3')
  t.equal(toScraperName({ 'user-agent': 'curl/8' }, '10.0.0.1'), undefined)
  t.not(toScraperName(headers, '10.0.0.1', 'a'), toScraperName(headers, '10.0.0.1', 'b'))
  t.end()
})

void t.test('who asks for the same while it is made gets the same bytes', async (t) => {
  const counts = createCounts(toBudget(1_000))
  count(
    counts,
    Array.from({ length: 600 }, (_, index) => alertOf({ rule: `rule ${index}` })),
  )
  let made = 0
  const renderer = createScrapeRenderer({
    counts,
    renderSelf: () => Promise.resolve(`made ${++made}\n`),
  })
  const scrapers = createScrapers()
  const showing = scrapers.show(undefined, counts.lastBirth, 0)
  const [first, second] = await Promise.all([renderer.packed(showing), renderer.packed(showing)])
  t.equal(first, second)
  t.equal(made, 1)
  const fresh = scrapers.show({ name: 'p', connection: connect() }, counts.lastBirth, 0)
  const [own, plain] = await Promise.all([renderer.packed(fresh), renderer.packed(showing)])
  t.match(gunzipSync(own).toString(), /^falco_events\{.* 0$/m, 'but its own first zeros')
  t.notMatch(gunzipSync(plain).toString(), /^falco_events\{.* 0$/m)
  count(counts, [alertOf({ rule: 'rule 0' })])
  const later = gunzipSync(await renderer.packed(showing)).toString()
  t.match(later, /^falco_events\{rule="rule 0".* 2$/m, 'nothing is kept for later')
})
