/** How long from an alert at the exporter until it is in /metrics, and at Loki. One at a time. */
import { join } from 'node:path'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import {
  encodeAlert,
  encodeBatch,
  listening,
  read,
  serveRaw,
  startExporter,
  startSink,
  SUBSCRIBE,
  type Call,
} from './exporter-support.js'
import { printTable, quantile, withTeardown } from './support.js'

const ALERTS = Number(process.argv[2] ?? 300)

await withTeardown(async (bench) => {
  const state = temporaryDirectory(bench)
  let pushed = (): void => undefined
  const loki = await startSink(() => {
    pushed()
  })
  bench.teardown(loki.close)
  const address = `unix:${join(state, 'daemon.sock')}`
  let subscribed: (call: Call) => void = () => undefined
  const called = new Promise<Call>((resolve) => (subscribed = resolve))
  const server = await serveRaw(address, SUBSCRIBE, false, (call) => {
    subscribed(call)
  })
  bench.teardown(() => {
    server.forceShutdown()
  })
  const flags = ['--falco', address, '--state-dir', state, '--listen', '127.0.0.1:0']
  const exporter = startExporter([...flags, '--loki-url', loki.url])
  bench.teardown(() => exporter.kill('SIGKILL'))
  const page = await listening(exporter)
  const call = await called

  const toMetrics: number[] = []
  const toLoki: number[] = []
  for (let number = 0; number < ALERTS; number++) {
    const isPushed = new Promise<void>((resolve) => (pushed = resolve))
    const alert = encodeAlert(number)
    const begun = performance.now()
    call.write(encodeBatch([alert]))
    for (let counted = 0; counted <= number;) {
      const text = await (await fetch(`${page}/metrics`)).text()
      counted = read(text, 'peregrine_alerts_counted_total')
    }
    toMetrics.push(performance.now() - begun)
    await isPushed
    toLoki.push(performance.now() - begun)
  }
  const row = (name: string, values: readonly number[]): (string | number)[] => [
    name,
    ...[quantile(values), quantile(values, 0.99)].map((value) => value.toFixed(1)),
  ]
  process.stdout.write('## How long is an alert on its way through the exporter?\n\n')
  process.stdout.write(`${ALERTS} alerts, one at a time; each is durable before it shows.\n\n`)
  printTable(
    ['Way', 'median, ms', 'p99, ms'],
    [row('to its count in /metrics', toMetrics), row("into Loki's hands", toLoki)],
  )
})
