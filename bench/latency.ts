/** How long is it from a deed to its alert at a subscriber? */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { temporaryDirectory, until } from '../test/exporter/support/exporter.js'
import { subscribeStandard } from '../test/e2e/support/client.js'
import { startDaemon, type Test } from '../test/e2e/support/daemon.js'
import { BENCH_DEEDS, printTable, quantile, withTeardown } from './support.js'

const COUNT = 500
/** Far enough apart that each alert is one wake-up, as on a quiet machine. */
const PAUSE_MICROSECONDS = 10_000

function stamps(mode: 'open' | 'print', directory: string): ReturnType<typeof spawn> {
  const args = [mode, directory, String(COUNT), String(PAUSE_MICROSECONDS)]
  return spawn(join(BENCH_DEEDS, 'stamps'), args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

function since(stamp: string): number {
  return Number(process.hrtime.bigint() - BigInt(stamp)) / 1000
}

/** The same stamps written into a pipe that Node reads. */
async function measureFloor(): Promise<readonly number[]> {
  const child = stamps('print', '/')
  if (child.stdout === null) return []
  const delays: number[] = []
  for await (const line of createInterface({ input: child.stdout })) delays.push(since(line))
  return delays
}

async function measureAlerts(bench: Test): Promise<readonly number[]> {
  const directory = temporaryDirectory(bench)
  const daemon = await startDaemon(bench, {
    withDefaultRules: true,
    stdout: 'off',
    rules: [
      {
        rule: 'Stamped',
        condition: `evt.type in (open, openat) and evt.arg.name startswith "${directory}/"`,
        output: 'stamp=%evt.arg.name',
      },
    ],
  })
  const delays: number[] = []
  const client = subscribeStandard(bench, daemon.address, ({ output }) => {
    const stamp = /stamp=\S*\/(\d+)(?:\s|$)/.exec(output)?.[1]
    if (stamp !== undefined) delays.push(since(stamp))
  })
  stamps('open', directory)
  await until('all came', () => delays.length >= COUNT, 60_000)
  client.close()
  return delays
}

await withTeardown(async (bench) => {
  const rows = [
    { what: 'floor: the stamp through a pipe', delays: await measureFloor() },
    { what: 'a failed open to its alert over gRPC', delays: await measureAlerts(bench) },
  ].map(({ what, delays }) => [
    what,
    ...[0.5, 0.99, 1].map((share) => quantile(delays, share).toFixed(0)),
  ])
  process.stdout.write('## How long from a deed to its alert at a subscriber?\n\n')
  process.stdout.write(
    `${COUNT} deeds, ${PAUSE_MICROSECONDS / 1000} ms apart; the subscriber is grpc-js on the unix ` +
      'socket, so its own time is in the figure. The alert is on disk before it is sent.\n\n',
  )
  printTable(['Way', 'median, µs', 'p99, µs', 'most, µs'], rows)
})
