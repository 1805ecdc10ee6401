/** For how long does a reload keep events waiting, and how much memory do many rules take? */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon, type RunningDaemon } from '../test/e2e/support/daemon.js'
import { temporaryDirectory, until } from '../test/exporter/support/exporter.js'
import { figuresOf, printTable, quantile, runCargoBench, withTeardown } from './support.js'

const RELOADS = 50
/** What a start or a reload leaves behind to be done. */
const SETTLE_MILLISECONDS = 3_000

const settle = (): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS))

/** Of each reload so far, as the daemon's log tells it. */
function stallsOf(daemon: RunningDaemon): readonly number[] {
  const told = daemon.log().matchAll(/rules reloaded.*stall_us=(\d+)/g)
  return Array.from(told, ([, microseconds]) => Number(microseconds))
}

await withTeardown(async (bench) => {
  const rules = join(temporaryDirectory(bench), 'many.yaml')
  writeFileSync(rules, runCargoBench('peregrine-rules', 'evaluate', '--print-rules'))
  const args = ['--watch-rules=false', '-r', rules]
  const daemon = await startDaemon(bench, { rules: [], args, stdout: 'off' })
  await settle()
  const { residentMiB } = figuresOf(daemon.pid)
  for (let count = 1; count <= RELOADS; count++) {
    appendFileSync(rules, `# ${count}\n`)
    process.kill(daemon.pid, 'SIGHUP')
    await until(`reload ${count}`, () => stallsOf(daemon).length === count)
  }
  await settle()
  const stalls = stallsOf(daemon)
  process.stdout.write('## For how long does a reload keep events waiting?\n\n')
  process.stdout.write(
    `${RELOADS} reloads of 93 rules, as many and as large as public ones; the hooks stay. They are ` +
      'compiled aside; events wait while they are put in the place of the old ones.\n\n',
  )
  printTable(
    ['median, µs', 'most, µs', 'resident before, MiB', 'resident after all, MiB'],
    [
      [
        quantile(stalls),
        Math.max(...stalls),
        residentMiB.toFixed(0),
        figuresOf(daemon.pid).residentMiB.toFixed(0),
      ],
    ],
  )
})
