/**
 * What the panels say for five minutes and for thirty days, at a real Prometheus that holds a month:
 * a first event, one a day, a series that was hidden and is back, and a count that began anew.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePort, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { PROGRAMS } from './support/chain.js'
import { fill, queries } from './support/dashboards.js'
import { run } from './support/run.js'
import { at, list, text } from './support/values.js'

const MINUTE = 60
const HOUR = 3600
const DAY = 24 * HOUR
const SCRAPE = MINUTE
/** Of the last sample; on a minute, so that all samples are. */
const NOW = Math.floor(Date.now() / 1000 / MINUTE) * MINUTE

/** All times are seconds before now. */
interface Life {
  /** Events, oldest first. */
  readonly events: readonly number[]
  /** When it was not shown any more. */
  readonly until: number
  /** What it had counted before, such as before it was hidden. */
  readonly base: number
}

interface Rule {
  readonly priority: string
  readonly place: string
  readonly lives: readonly Life[]
}

const daily = Array.from({ length: 20 }, (_, day) => day * DAY + 12 * HOUR).toReversed()
const RULES: Readonly<Record<string, Rule>> = {
  First: { priority: '2', place: 'cart', lives: [{ events: [150], until: 0, base: 0 }] },
  Daily: { priority: '5', place: 'shop', lives: [{ events: daily, until: 0, base: 0 }] },
  // Idle for a day, so hidden; its count is kept.
  Returned: {
    priority: '3',
    place: 'cart',
    lives: [
      { events: [10 * DAY], until: 9 * DAY, base: 0 },
      { events: [90 * MINUTE], until: 0, base: 1 },
    ],
  },
  // The store was lost, and with it the count.
  Restarted: {
    priority: '4',
    place: 'pay',
    lives: [
      {
        events: [0, 1, 2, 3, 4].map((n) => 3 * DAY - n * 10 * MINUTE),
        until: 2.5 * DAY,
        base: 0,
      },
      { events: [30 * HOUR, 20 * MINUTE], until: 0, base: 0 },
    ],
  },
}

const RANGES: Readonly<Record<string, number>> = {
  '5m': 5 * MINUTE,
  '1h': HOUR,
  '24h': DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY,
}

/** Events of the rule in a range that ended so long ago. */
function eventsOf(rule: Rule, range: number, ended = 0): number {
  const all = rule.lives.flatMap(({ events }) => events)
  return all.filter((ago) => ago >= ended && ago < ended + range).length
}

function isShown(rule: Rule, ago: number): boolean {
  return rule.lives.some(({ events, until }) => ago < (events[0] ?? 0) && ago >= until)
}

/** Each scrape of a life: the first shows what was counted before it, as the exporter does. */
function* samplesOf({ events, until, base }: Life): Generator<readonly [ago: number, number]> {
  const born = events[0] ?? 0
  const first = Math.floor((born - 1) / SCRAPE) * SCRAPE
  for (let ago = first; ago >= until; ago -= SCRAPE) {
    yield [ago, ago === first ? base : base + events.filter((event) => event > ago).length]
  }
}

function toOpenMetrics(): string {
  const counts: string[] = []
  const seen: string[] = []
  for (const [rule, { priority, place, lives }] of Object.entries(RULES)) {
    const where = `hostname="node-${place}",k8s_ns_name="${place}",k8s_pod_name="${place}-1"`
    const labels = `{rule="${rule}",priority="${priority}",${where},instance="e",job="p"}`
    for (const life of lives) {
      for (const [ago, value] of samplesOf(life)) {
        const last = life.events.findLast((event) => event > ago) ?? 0
        counts.push(`falco_events${labels} ${value} ${NOW - ago}`)
        seen.push(`falco_event_last_seen_timestamp_seconds${labels} ${NOW - last} ${NOW - ago}`)
      }
    }
  }
  return [...counts, ...seen, '# EOF', ''].join('\n')
}

type Labels = readonly string[]

/** What Prometheus answers, by some labels. */
type Answer = Readonly<Record<string, number>>

async function startPrometheus(
  t: Parameters<typeof temporaryDirectory>[0],
): Promise<(query: string, by: Labels) => Promise<Answer>> {
  const directory = temporaryDirectory(t)
  const data = join(directory, 'data')
  mkdirSync(data)
  writeFileSync(join(directory, 'month.txt'), toOpenMetrics())
  run('promtool', [
    ...['tsdb', 'create-blocks-from', 'openmetrics', '--quiet'],
    ...[join(directory, 'month.txt'), data],
  ])
  writeFileSync(join(directory, 'prometheus.yml'), '{}')
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    PROGRAMS.prometheus,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=90d',
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const ask = async (query: string): Promise<unknown> => {
    const url = `http://${address}/api/v1/query?time=${NOW}&query=${encodeURIComponent(query)}`
    const response = await fetch(url).catch(() => undefined)
    return response?.ok === true ? response.json() : undefined
  }
  await until('Prometheus answers', async () => (await ask('vector(1)')) !== undefined)
  return async (query, by) => {
    const answer = await ask(query)
    if (answer === undefined) throw new Error(`no answer: ${query}`)
    const rows = list(at(answer, 'data', 'result')).map((row) => {
      const name = by.map((label) => text(at(row, 'metric', label))).join('/')
      return [name, Number(at(row, 'value', 1))] as const
    })
    return Object.fromEntries(rows)
  }
}

function exprOf(where: string, refId: string): string {
  const found = queries().find((query) => query.where === where && query.refId === refId)
  if (found === undefined) throw new Error(`no panel ${where}`)
  return found.expr
}

/** Events in the range by a name of each rule, without those that have none. */
function counted(range: number, nameOf: (name: string, rule: Rule) => string): Answer {
  const sums: Record<string, number> = {}
  for (const [name, rule] of Object.entries(RULES)) {
    const count = eventsOf(rule, range)
    const key = nameOf(name, rule)
    if (count > 0) sums[key] = (sums[key] ?? 0) + count
  }
  return sums
}

void t.test('panels count exactly, from five minutes to thirty days', async (t) => {
  const ask = await startPrometheus(t)
  for (const [range, seconds] of Object.entries(RANGES)) {
    const of = (where: string, by: Labels, refId = 'A'): Promise<Answer> =>
      ask(fill(exprOf(where, refId), range), by)
    const ofPriority = (...priorities: readonly string[]): number =>
      Object.values(RULES)
        .filter(({ priority }) => priorities.includes(priority))
        .reduce((sum, rule) => sum + eventsOf(rule, seconds), 0)
    const stats = {
      'Emergency, Alert, Critical': ofPriority('2'),
      Error: ofPriority('3'),
      Warning: ofPriority('4'),
      'Notice and below': ofPriority('5'),
      'Against the range before': Object.values(RULES).reduce((sum, rule) => {
        return sum + eventsOf(rule, seconds) - eventsOf(rule, seconds, seconds)
      }, 0),
    }
    for (const [title, value] of Object.entries(stats)) {
      t.same(await of(`overview: ${title}`, []), { '': value }, `${range}: ${title}`)
    }
    const tables = {
      'overview: Rules': [['rule'], (name: string) => name],
      'overview: Pods': [['k8s_pod_name'], (_: string, { place }: Rule) => `${place}-1`],
      'overview: Namespaces': [['k8s_ns_name'], (_: string, { place }: Rule) => place],
      'overview: Nodes': [['hostname'], (_: string, { place }: Rule) => `node-${place}`],
      'investigate: What happened where': [['rule'], (name: string) => name],
    } as const
    for (const [where, [by, nameOf]] of Object.entries(tables)) {
      const expected = counted(seconds, nameOf)
      t.same(await of(where, by), expected, `${range}: ${where}`)
      const seen = await of(where, by, 'B')
      t.same(Object.keys(seen).sort(), Object.keys(expected).sort(), `${range}: ${where}, last`)
    }
    // As wide as a bar on a screen of a thousand, and four scrapes at least.
    const width = `${Math.max(4 * SCRAPE, Math.ceil(seconds / 1000) + SCRAPE)}s`
    const bars = fill(exprOf('overview: Detections by priority', 'A'), range, width)
    t.ok((await ask(bars, ['priority']))['2'], `${range}: the first event is a bar`)
    const silent = Object.entries(RULES)
      .filter(([, rule]) => eventsOf(rule, seconds) > 0 && !isShown(rule, seconds))
      .map(([name]) => name)
    for (const refId of ['A', 'B']) {
      const rows = await of('overview: Rules that were silent before this range', ['rule'], refId)
      t.same(Object.keys(rows).sort(), silent.sort(), `${range}: silent before, ${refId}`)
    }
  }
})

void t.test('where nothing happened, panels say so: a zero or their own words', async (t) => {
  const ask = await startPrometheus(t)
  for (const range of Object.keys(RANGES)) {
    for (const { where, title, refId, expr, language } of queries()) {
      if (language !== 'promql' || !where.startsWith('overview: ') || refId !== 'A') continue
      if (!expr.includes('falco_events')) continue
      const nowhere = fill(expr, range).replaceAll('rule=~".*"', 'rule="no such"')
      const answer = await ask(nowhere, [])
      const isNumber = expr.includes('vector(0)')
      t.same(answer, isNumber ? { '': 0 } : {}, `${range}: ${title}`)
    }
  }
})
