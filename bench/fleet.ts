/** What do 500 daemons take, each with 20 alerts a second? Simulated; real streams and sockets. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import {
  encodeAlert,
  encodeBatch,
  listening,
  read,
  serveRaw,
  startExporter,
  SUBSCRIBE,
} from './exporter-support.js'
import { figuresOf, printTable, withTeardown } from './support.js'

const PER_SECOND = 20

/** All daemons' streams end in this process; each sends a batch a second, at a time of its own. */
async function serveFleet(directory: string, daemons: number): Promise<void> {
  for (let daemon = 0; daemon < daemons; daemon++) {
    let next = 0
    const stream = daemon.toString(16).padStart(32, '0')
    await serveRaw(`unix:${join(directory, `${daemon}.sock`)}`, SUBSCRIBE, false, (call) => {
      const send = (): void => {
        const alerts = Array.from({ length: PER_SECOND }, () => encodeAlert(next++, stream))
        call.write(encodeBatch(alerts))
      }
      let timer: NodeJS.Timeout | undefined
      const begin = setTimeout(() => (timer = setInterval(send, 1_000)), Math.random() * 1_000)
      call.on('cancelled', () => {
        clearTimeout(begin)
        clearInterval(timer)
      })
    })
  }
  process.send?.('ready')
}

async function measure(daemons: number, seconds: number): Promise<void> {
  await withTeardown(async (bench) => {
    const directory = temporaryDirectory(bench)
    const fleet = fork(fileURLToPath(import.meta.url), ['serve', directory, String(daemons)])
    bench.teardown(() => fleet.kill('SIGKILL'))
    await new Promise((resolve) => fleet.once('message', resolve))
    const state = ['--state-dir', join(directory, 'state'), '--listen', '127.0.0.1:0']
    const exporter = startExporter(['--falco', `dir://${directory}`, ...state])
    bench.teardown(() => exporter.kill('SIGKILL'))
    const page = await listening(exporter)
    const counted = async (): Promise<number> =>
      read(await (await fetch(`${page}/metrics`)).text(), 'peregrine_alerts_counted_total')
    // Until all are connected and what that took is over.
    while ((await counted()) < daemons * PER_SECOND) await sleep(500)
    await sleep(5_000)
    const pid = exporter.pid ?? 0
    const before = { cpu: figuresOf(pid).cpuSeconds, counted: await counted() }
    const begun = performance.now()
    await sleep(seconds * 1_000)
    const after = figuresOf(pid)
    const passed = (performance.now() - begun) / 1_000
    const perSecond = ((await counted()) - before.counted) / passed
    process.stdout.write('## What do many daemons take at one exporter?\n\n')
    process.stdout.write(`${daemons} simulated daemons, ${PER_SECOND} alerts a second each.\n\n`)
    printTable(
      ['alerts/s counted', 'CPU, % of one', 'resident, MiB'],
      [
        [perSecond, (100 * (after.cpuSeconds - before.cpu)) / passed, after.residentMiB].map(
          Math.round,
        ),
      ],
    )
  })
}

const [mode = '500', second = '30', third = ''] = process.argv.slice(2)
if (mode === 'serve') await serveFleet(second, Number(third))
else await measure(Number(mode), Number(second))
