/** What do both programs cost while nothing happens? */
import { runExporter } from '../test/exporter/support/exporter.js'
import { startDaemon } from '../test/e2e/support/daemon.js'
import { figuresOf, printTable, withTeardown } from './support.js'

const SECONDS = 30
/** What a start leaves behind to be done. */
const SETTLE_SECONDS = 3

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

await withTeardown(async (bench) => {
  const options = { rules: [], withDefaultRules: true, stdout: 'off' } as const
  const daemon = await startDaemon(bench, options)
  const exporter = await runExporter(bench, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:'],
  ])
  const page = await exporter.metrics()
  const started = Number(/^process_cpu_seconds_total (\S+)/m.exec(page)?.[1] ?? 0)
  await wait(SETTLE_SECONDS)
  const before = figuresOf(daemon.pid)
  await wait(SECONDS)
  const after = figuresOf(daemon.pid)
  const later = await exporter.metrics()
  const cpu = Number(/^process_cpu_seconds_total (\S+)/m.exec(later)?.[1] ?? 0) - started
  const resident = Number(/^process_resident_memory_bytes (\S+)/m.exec(later)?.[1] ?? 0)
  const percent = (seconds: number, of: number): string => ((seconds / of) * 100).toFixed(2)
  process.stdout.write('## What do both cost while nothing happens?\n\n')
  process.stdout.write(`Default rules, ${SECONDS} s; the machine itself is not asleep.\n\n`)
  printTable(
    ['Program', 'CPU, % of one', 'resident, MiB', 'sleeps of the main thread per second'],
    [
      [
        'peregrined',
        percent(after.cpuSeconds - before.cpuSeconds, SECONDS),
        after.residentMiB.toFixed(0),
        ((after.switches - before.switches) / SECONDS).toFixed(1),
      ],
      ['peregrine', percent(cpu, SECONDS + SETTLE_SECONDS), (resident / 2 ** 20).toFixed(0), ''],
    ],
  )
})
