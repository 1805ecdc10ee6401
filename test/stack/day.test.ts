/**
 * A day of two nodes, evaluated by the real rules: what is wrong once is told once, however it comes
 * and goes, and nothing else is told. promtool evaluates; the courses of the series are made here.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT, tryRun } from './support/run.js'
import { at, list, readYaml, text } from './support/values.js'

const RULES = 'alerting/prometheus/peregrine.rules.yml'
const GROUPS = list(at(readYaml(RULES), 'groups')).map((group) => text(at(group, 'name')))

const STEP_SECONDS = 30
const DAY_SECONDS = 24 * 3600

/** What a series is at a second of the day; undefined where the exporter does not show it. */
type Course = (second: number) => number | undefined

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly course: Course
}

const NODES = ['calm', 'rough'] as const
type Node = (typeof NODES)[number]

/** Between two hours of the day, given as 14.5 for half past two. */
function isWithin(second: number, from: number, to: number): boolean {
  return second >= from * 3600 && second < to * 3600
}

/** The same for the same second and name, between 0 and 1. */
function chance(name: string, second: number): number {
  let hash = second + 0x9e3779b9
  for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return ((hash ^ (hash >>> 12)) >>> 0) / 2 ** 32
}

/** One of a hundred scrapes fails, and an upgrade takes a minute; in the evening, one crashes. */
function isScraped(node: Node, second: number): boolean {
  if (chance(`scrape ${node}`, second) < 0.01) return false
  if (isWithin(second, 10, 10 + 1 / 60)) return false
  const isCrashing = node === 'rough' && isWithin(second, 21, 21.5)
  return !isCrashing || second % 210 < 30
}

/** A restart of the daemon takes half a minute; for forty minutes, it crashes again and again. */
function isConnected(node: Node, second: number): boolean {
  if (isWithin(second, 14, 14 + 1 / 120)) return false
  const isCrashing = node === 'rough' && isWithin(second, 19, 19.67)
  return !isCrashing || second % 240 < 60
}

/** A counter that grows by so many a second. */
function counter(perSecond: (second: number) => number): Course {
  const values: number[] = []
  let total = 0
  for (let second = 0; second <= DAY_SECONDS; second += STEP_SECONDS) {
    total += Math.round(perSecond(second) * STEP_SECONDS)
    values.push(total)
  }
  return (second) => values[second / STEP_SECONDS]
}

/** The newest of the moments. */
function lastOf(moments: readonly number[]): Course {
  return (second) => moments.findLast((moment) => moment <= second)
}

/** Every five to thirteen minutes. */
function nowAndThen(name: string, from: number, to: number): readonly number[] {
  const moments: number[] = []
  for (let second = from * 3600; second < to * 3600;) {
    moments.push(second)
    second += Math.round((300 + 480 * chance(name, second)) / STEP_SECONDS) * STEP_SECONDS
  }
  return moments
}

/** Alerts that nobody is told of: more by day than by night, and a storm in the afternoon. */
function noise(node: Node): Course {
  return counter((second) => {
    const byDay = 0.1 + 0.1 * Math.sin((second / DAY_SECONDS) * 2 * Math.PI - Math.PI / 2)
    const isStorm = node === 'rough' && isWithin(second, 15, 15.4)
    return isStorm ? 3 + 5 * chance('storm', second) : byDay * (0.5 + chance('noise', second))
  })
}

/** Loki is away for half an hour; for an hour it takes something every eleven minutes only. */
function lag(second: number): number {
  if (isWithin(second, 17, 17.5)) return second - 17 * 3600
  if (isWithin(second, 18, 19)) return (second - 18 * 3600) % 660
  return 20 * chance('lag', second)
}

/** Heard every few seconds; for forty minutes, the machine stands still for four of eight. */
function lastMessage(node: Node, second: number): number {
  const isStanding = node === 'rough' && isWithin(second, 11, 11.67) && second % 480 < 240
  return isStanding ? second - (second % 480) : second - 5 * chance('message', second)
}

/** A minute in the night, and forty minutes of three out of four. */
function isReachable(node: Node, second: number): boolean {
  if (isWithin(second, 4, 4 + 1 / 60)) return false
  return node !== 'rough' || !isWithin(second, 12, 12.67) || second % 240 < 60
}

/** For forty minutes about as wrong as is still borne. */
function skew(node: Node, second: number): number {
  const isDrifting = node === 'rough' && isWithin(second, 22, 22.67)
  return isDrifting ? 30 + 10 * Math.sin((second / 720) * 2 * Math.PI) : chance('skew', second)
}

function seriesOf(node: Node): readonly Series[] {
  const exporter = { job: 'peregrine', instance: node }
  const daemon = { ...exporter, daemon: 'unix:///run/peregrine/peregrine.sock' }
  const host = { ...daemon, hostname: node }
  const place = { ...exporter, hostname: node, k8s_ns_name: 'shop', k8s_pod_name: `cart-${node}` }
  const detection = (rule: string, priority: number): Record<string, string> => {
    return { ...place, rule, priority: String(priority), source: 'syscall' }
  }
  const isRough = node === 'rough'
  const shown: readonly Series[] = [
    { name: 'peregrine_build_info', labels: { ...exporter, version: '1' }, course: () => 1 },
    {
      name: 'process_start_time_seconds',
      labels: exporter,
      course: (second) => (second < 10 * 3600 ? -3600 : 10 * 3600),
    },
    {
      name: 'peregrine_subscribe_connected',
      labels: daemon,
      course: (second) => Number(isConnected(node, second)),
    },
    {
      name: 'peregrine_subscribe_last_message_timestamp_seconds',
      labels: daemon,
      course: (second) => lastMessage(node, second),
    },
    { name: 'peregrined_rules_alerts_total', labels: host, course: noise(node) },
    {
      name: 'peregrined_capture_events_lost_total',
      labels: { ...host, lane: 'busy' },
      course: counter((second) => (isRough && nowAndThen('loss', 16, 17).includes(second) ? 1 : 0)),
    },
    { name: 'peregrine_ship_lag_seconds', labels: exporter, course: isRough ? lag : () => 0 },
    {
      name: 'peregrine_time_seconds',
      labels: exporter,
      course: (second) => second + skew(node, second),
    },
    {
      name: 'peregrine_notify_reachable',
      labels: { ...exporter, alertmanager: 'http://a' },
      course: (second) => Number(isReachable(node, second)),
    },
    {
      name: 'peregrine_alerts_missed_total',
      labels: { ...exporter, reason: 'retention' },
      course: () => 0,
    },
    { name: 'peregrine_series_overflow_alerts_total', labels: exporter, course: () => 0 },
    {
      name: 'peregrine_ship_dropped_entries_total',
      labels: { ...exporter, reason: 'rejected' },
      course: () => 0,
    },
    { name: 'falco_events', labels: detection('Noise', 6), course: noise(node) },
    {
      name: 'falco_event_last_seen_timestamp_seconds',
      labels: detection('Noise', 6),
      course: (second) => second - 10,
    },
    // All day long on both nodes: a rule that nobody has tuned yet.
    {
      name: 'falco_event_last_seen_timestamp_seconds',
      labels: detection('Often', 4),
      course: lastOf(nowAndThen(`often ${node}`, 0.1, 23)),
    },
    // Once, in the night.
    {
      name: 'falco_event_last_seen_timestamp_seconds',
      labels: detection('Once', 2),
      course: isRough ? lastOf([3.25 * 3600]) : () => undefined,
    },
  ]
  return [
    { name: 'up', labels: exporter, course: (second) => Number(isScraped(node, second)) },
    ...shown.map((one) => ({
      ...one,
      course: (second: number) => (isScraped(node, second) ? one.course(second) : undefined),
    })),
  ]
}

/** As promtool takes it; a scrape that failed ends a series until the next. */
function toInput({ name, labels, course }: Series): { series: string; values: string } {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const values: string[] = []
  for (let second = 0; second <= DAY_SECONDS; second += STEP_SECONDS) {
    values.push(course(second)?.toFixed(1) ?? 'stale')
  }
  return { series: `${name}{${pairs.join(',')}}`, values: values.join(' ') }
}

/** How often each alert began to fire. */
const EPISODES: Readonly<Record<string, number>> = {
  '{alertname="PeregrineDetectionWarning", rule="Often", hostname="calm"}': 1,
  '{alertname="PeregrineDetectionWarning", rule="Often", hostname="rough"}': 1,
  '{alertname="PeregrineDetectionCritical", rule="Once", hostname="rough"}': 1,
  '{alertname="PeregrineEventStorm", hostname="rough"}': 1,
  '{alertname="PeregrineCaptureLoss", hostname="rough"}': 1,
  // The half hour, and the hour of small pieces.
  '{alertname="PeregrineLokiRefuses", instance="rough"}': 2,
  '{alertname="PeregrineNotConnected", instance="rough"}': 1,
  '{alertname="PeregrineExporterDown", instance="rough"}': 1,
  '{alertname="PeregrineStreamSilent", instance="rough"}': 1,
  '{alertname="PeregrineAlertmanagerRefuses", instance="rough"}': 1,
  '{alertname="PeregrineClockSkew", instance="rough"}': 1,
}

void t.test('in a day of small troubles, each is told once and nothing flaps', (t) => {
  const firing = 'ALERTS{alertstate="firing"}'
  const begins = `${firing} unless ${firing} offset ${STEP_SECONDS}s`
  const record = {
    record: 'alert_begins',
    expr: `sum by (alertname, rule, hostname, instance) (${begins})`,
  }
  // Behind all others, so that it sees what they have just said.
  const groups = [{ name: 'peregrine-begins', rules: [record] }]
  const test = {
    rule_files: [join(ROOT, RULES), 'begins.yml'],
    evaluation_interval: `${STEP_SECONDS}s`,
    group_eval_order: [...GROUPS, 'peregrine-begins'],
    tests: [
      {
        interval: `${STEP_SECONDS}s`,
        input_series: NODES.flatMap(seriesOf).map(toInput),
        promql_expr_test: [
          {
            expr: 'sum_over_time(alert_begins[1d])',
            eval_time: `${DAY_SECONDS}s`,
            exp_samples: Object.entries(EPISODES).map(([labels, value]) => ({ labels, value })),
          },
          { expr: firing, eval_time: `${DAY_SECONDS}s`, exp_samples: [] },
        ],
      },
    ],
  }
  const directory = t.testdir({ 'begins.yml': JSON.stringify({ groups }) })
  const file = join(directory, 'day.test.yml')
  writeFileSync(file, JSON.stringify(test))
  const { code, stdout, stderr } = tryRun('promtool', ['test', 'rules', file])
  t.equal(code, 0, (stdout + stderr).slice(0, 4000))
  t.end()
})
