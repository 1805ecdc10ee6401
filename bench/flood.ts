/** What is missed while somebody floods? */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import { ownCgroup } from '../test/e2e/support/cgroup.js'
import { deedPath, startDaemon, type PrintedAlert, type Test } from '../test/e2e/support/daemon.js'
import { BENCH_DEEDS, figuresOf, printTable, withTeardown } from './support.js'

const COUNT = 300
const PAUSE_MICROSECONDS = 100_000

interface Flood {
  readonly what: string
  readonly mode: 'open' | 'fork'
  readonly cpus: readonly number[]
  /** What is opened: a name that the filter in the kernel leaves out, or one that must be judged. */
  readonly file: string
}

const LEFT_OUT = '/usr/bin/env'
/** Two slashes: the filter lets it pass, and no rule matches it. */
const JUDGED = '//usr/bin/env'
const FLOODS: readonly Flood[] = [
  { what: 'opens that the filter leaves out, one CPU', mode: 'open', cpus: [1], file: LEFT_OUT },
  { what: 'opens that must be judged, one CPU', mode: 'open', cpus: [1], file: JUDGED },
  { what: 'opens that must be judged, both CPUs', mode: 'open', cpus: [0, 1], file: JUDGED },
  { what: 'forks, both CPUs', mode: 'fork', cpus: [0, 1], file: '' },
]

function ended(child: ChildProcess): Promise<string> {
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (printed += part))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(printed)
      else reject(new Error(`${child.spawnfile} ended with ${code ?? 'a signal'}`))
    })
  })
}

function lostOf(alerts: readonly PrintedAlert[], rule: string): number {
  return alerts
    .filter((alert) => alert.rule === rule)
    .reduce((sum, { output_fields: fields }) => sum + Number(fields.n_events), 0)
}

async function measure(bench: Test, flood: Flood): Promise<readonly (string | number)[]> {
  const directory = temporaryDirectory(bench)
  const daemon = await startDaemon(bench, {
    withDefaultRules: true,
    rules: [
      { rule: 'Marked exec', condition: 'spawned_process and proc.args startswith mark-' },
      {
        rule: 'Marked read',
        condition: `evt.type in (open, openat) and evt.arg.name startswith "${directory}/"`,
      },
    ],
  })
  const cgroup = ownCgroup(bench)
  const cpuBefore = figuresOf(daemon.pid).cpuSeconds
  const begun = process.hrtime.bigint()
  const floods = flood.cpus.map((cpu) => {
    const child = spawn(join(BENCH_DEEDS, 'flood'), [flood.mode, String(cpu), flood.file])
    return { child, count: ended(child) }
  })
  const marks = [deedPath('nothing'), directory, String(COUNT), String(PAUSE_MICROSECONDS), cgroup]
  await ended(spawn(join(BENCH_DEEDS, 'marks'), marks, { stdio: ['ignore', 'pipe', 'inherit'] }))
  floods.forEach(({ child }) => child.stdin.end())
  const counts = await Promise.all(floods.map(({ count }) => count))
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9
  const cpu = figuresOf(daemon.pid).cpuSeconds - cpuBefore
  // At its end the daemon judges what is left, and a loss is told within two seconds.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  await daemon.stop()
  const alerts = daemon.alerts()
  const seen = (rule: string): string => {
    const n = alerts.filter((alert) => alert.rule === rule).length
    return `${((100 * n) / COUNT).toFixed(1)} %`
  }
  const total = counts.reduce((sum, count) => sum + Number(count), 0)
  return [
    flood.what,
    Math.round(total / seconds),
    seen('Marked exec'),
    seen('Marked read'),
    lostOf(alerts, 'Peregrine internal: events lost'),
    lostOf(alerts, 'Peregrine internal: flood held back'),
    ((100 * cpu) / seconds).toFixed(0),
  ]
}

process.stdout.write('## What is missed while somebody floods?\n\n')
process.stdout.write(
  `Default rules and two for the deeds: ${COUNT} execs and ${COUNT} opens of a marked file, ` +
    `${PAUSE_MICROSECONDS / 1000} ms apart, from a cgroup of their own, while another one floods. ` +
    'What is held back is part of what is lost, and is the flood’s own.\n\n',
)
const rows: (readonly (string | number)[])[] = []
for (const flood of FLOODS) {
  await withTeardown(async (bench) => {
    rows.push(await measure(bench, flood))
  })
}
printTable(
  [
    'Flood',
    'deeds per second',
    'execs seen',
    'reads seen',
    'records lost',
    'of these held back',
    'CPU of the daemon, %',
  ],
  rows,
)
