/** How many nanoseconds does a system call take longer while the daemon watches? */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import { deedPath, startDaemon, type Test } from '../test/e2e/support/daemon.js'
import { BENCH_DEEDS, figuresOf, printTable, quantile, withTeardown } from './support.js'

const HOOKS = ['syscall-tracepoints', 'sys-exit'] as const
const WATCHERS = ['none', 'floor', 'daemon'] as const
type Watcher = (typeof WATCHERS)[number]

/** Watchers take turns, so that a machine that gets slower does so for all. */
const ROUNDS = 5
const REPEATS = 5
const DEEDS = [
  { name: 'getppid', calls: 1_000_000, what: 'getppid, which nobody asked for' },
  { name: 'open', calls: 100_000, what: 'open + read + close' },
  { name: 'exec', calls: 500, what: 'vfork + exec + exit + wait' },
] as const

interface Sample {
  readonly nanoseconds: readonly number[]
  readonly daemonMicroseconds: number
}

/** The CPU that deeds run on; the daemon goes where the scheduler puts it, mostly elsewhere. */
const DEED_CPU = '1'

function measure(deed: (typeof DEEDS)[number], file: string, pid: number | undefined): Sample {
  const before = pid === undefined ? 0 : figuresOf(pid).cpuSeconds
  const args = [deed.name, DEED_CPU, String(REPEATS), String(deed.calls)]
  const argument = deed.name === 'exec' ? deedPath('nothing') : file
  const { stdout, status } = spawnSync(join(BENCH_DEEDS, 'calls'), [...args, argument], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`calls ended with ${status ?? 'a signal'}`)
  const after = pid === undefined ? 0 : figuresOf(pid).cpuSeconds
  return {
    nanoseconds: stdout.trim().split('\n').map(Number),
    daemonMicroseconds: ((after - before) * 1e6) / ((REPEATS + 1) * deed.calls),
  }
}

function start(bench: Test, hooks: (typeof HOOKS)[number]): ReturnType<typeof startDaemon> {
  const args = ['--hooks', hooks]
  return startDaemon(bench, { rules: [], withDefaultRules: true, stdout: 'off', args })
}

/** The names of the hooks that the daemon attaches, as it says itself. */
async function hookNames(hooks: (typeof HOOKS)[number]): Promise<readonly string[]> {
  let names: readonly string[] = []
  await withTeardown(async (bench) => {
    const daemon = await start(bench, hooks)
    names = /hooks=(.*)/.exec(stripVTControlCharacters(daemon.log()))?.[1]?.split(', ') ?? []
    await daemon.stop()
  })
  if (names.length === 0) throw new Error('the daemon did not say what it hooks')
  return names
}

/** Starts what is to watch; gives back the daemon's pid. */
async function watch(
  bench: Test,
  watcher: Watcher,
  hooks: (typeof HOOKS)[number],
  names: readonly string[],
): Promise<number | undefined> {
  switch (watcher) {
    case 'none':
      return undefined
    case 'floor': {
      const floor = spawn(join(BENCH_DEEDS, 'floor'), names, { stdio: 'pipe' })
      bench.teardown(async () => {
        floor.stdin.end()
        await new Promise((resolve) => floor.once('close', resolve))
      })
      await new Promise((resolve) => floor.stdout.once('data', resolve))
      return undefined
    }
    case 'daemon': {
      const { pid } = await start(bench, hooks)
      return pid
    }
  }
}

async function measureHooks(hooks: (typeof HOOKS)[number]): Promise<void> {
  const samples = new Map<string, Sample[]>()
  const names = await hookNames(hooks)
  for (let round = 0; round < ROUNDS; round++) {
    for (const watcher of WATCHERS) {
      await withTeardown(async (bench) => {
        const file = join(temporaryDirectory(bench), 'file')
        writeFileSync(file, 'x'.repeat(64))
        const pid = await watch(bench, watcher, hooks, names)
        for (const deed of DEEDS) {
          const key = `${deed.name} ${watcher}`
          samples.set(key, [...(samples.get(key) ?? []), measure(deed, file, pid)])
        }
      })
    }
  }
  process.stdout.write(`### Hooks: ${hooks}\n\n`)
  const count = (part: string): number => names.filter((name) => name.includes(part)).length
  process.stdout.write(
    `${names.length} hooks: ${count('sys_exit')} exits and ${count('sys_enter')} entries of system calls (of calls ` +
      `that act on a name, to compare it), and the life cycle of processes: ${names.join(', ')}.\n\n`,
  )
  const rows = DEEDS.map(({ name, what }) => {
    const [none = NaN, floor = NaN, daemon = NaN] = WATCHERS.map((watcher) => {
      // The least of all: what others on the machine added is not ours.
      const all = samples.get(`${name} ${watcher}`) ?? []
      return Math.min(...all.flatMap(({ nanoseconds }) => nanoseconds))
    })
    const cpu = quantile(
      (samples.get(`${name} daemon`) ?? []).map(({ daemonMicroseconds }) => daemonMicroseconds),
    )
    return [
      what,
      none.toFixed(0),
      (floor - none).toFixed(0),
      (daemon - none).toFixed(0),
      (daemon - floor).toFixed(0),
      cpu.toFixed(2),
    ]
  })
  printTable(
    [
      'Deed',
      'alone, ns',
      'floor adds, ns',
      'daemon adds, ns',
      'daemon over floor, ns',
      'CPU of the daemon per deed, µs',
    ],
    rows,
  )
}

process.stdout.write('## What does watching add to a system call?\n\n')
process.stdout.write(
  `Default rules. The least of ${ROUNDS} rounds of ${REPEATS} repeats, in which the watchers take ` +
    `turns; the deed on CPU ${DEED_CPU}; the daemon's CPU is the median of the rounds. The floor is an empty program on each of the same hooks.\n\n`,
)
for (const hooks of HOOKS) await measureHooks(hooks)
