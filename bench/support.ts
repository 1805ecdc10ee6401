/** What the benches share: clean-up, figures of a process, tables, benches of a crate. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NATIVE = fileURLToPath(new URL('../../native/', import.meta.url))
export const BENCH_DEEDS = fileURLToPath(new URL('../../dist/bench/deeds/', import.meta.url))

/** Runs the work, then what it registered, last first. */
export async function withTeardown(
  work: (bench: { readonly teardown: (work: () => unknown) => void }) => Promise<void>,
): Promise<void> {
  const steps: (() => unknown)[] = []
  try {
    await work({ teardown: (step) => steps.push(step) })
  } finally {
    // In order: a folder goes after the process that writes to it.
    for (const step of steps.toReversed()) await step()
  }
}

/** The middle one, or the place that a share from 0 to 1 points at. */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

export interface ProcessFigures {
  readonly cpuSeconds: number
  readonly residentMiB: number
  readonly switches: number
}

export function figuresOf(pid: number): ProcessFigures {
  // In nanoseconds, where /proc/PID/stat has hundredths of a second.
  const tasks = `/proc/${pid}/task`
  const cpu = readdirSync(tasks).map((task) => {
    return Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0])
  })
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    cpuSeconds: cpu.reduce((sum, each) => sum + each, 0) / 1e9,
    residentMiB: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
    switches: Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  }
}

export function printTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`
  process.stdout.write(line(head) + line(head.map(() => '---')))
  for (const row of rows) process.stdout.write(line(row))
  process.stdout.write('\n')
}

/** Prints what a bench of one of the daemon's crates prints. */
export function printCargoBench(crate: string, bench: string): void {
  process.stdout.write(`\`\`\`\n${runCargoBench(crate, bench).trimEnd()}\n\`\`\`\n\n`)
}

export function runCargoBench(crate: string, bench: string, ...args: readonly string[]): string {
  const { stdout, status } = spawnSync(
    'cargo',
    ['bench', '--quiet', '--locked', '-p', crate, '--bench', bench, '--', ...args],
    { cwd: NATIVE, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  )
  if (status !== 0) throw new Error(`cargo bench -p ${crate} --bench ${bench} failed`)
  return stdout
}
