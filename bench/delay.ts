/**
 * How long from an alert at the exporter until it is in /metrics, and at Loki. One at a time, of
 * series that exist.
 *
 * Asked over and over through a bare socket into one buffer: with fetch, every 35th answer came
 * 10 to 20 ms later, since it made this process collect its own garbage.
 */
import { fdatasyncSync, openSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import {
  encodeAlert,
  encodeBatch,
  listening,
  SERIES,
  serveRaw,
  startExporter,
  startSink,
  SUBSCRIBE,
  type Call,
} from './exporter-support.js'
import { printTable, quantile, withTeardown } from './support.js'

const ALERTS = Number(process.argv[2] ?? 300)

interface Reader {
  /** One scrape; gives back the number of alerts that it counts. */
  readonly counted: () => Promise<number>
  readonly close: () => void
}

const METRIC = '\nperegrine_alerts_counted_total '
/** Of an answer in chunks. */
const END = '0\r\n\r\n'

function isWhole(answer: Buffer): boolean {
  const body = answer.indexOf('\r\n\r\n') + 4
  if (body < 4) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, body))?.[1]
  if (length !== undefined) return answer.length >= body + Number(length)
  return answer.toString('latin1', answer.length - END.length) === END
}

function createReader(page: string): Reader {
  const { hostname, port } = new URL(page)
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  let length = 0
  let ended = (): void => undefined
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(64 * 1024),
      callback(bytes, part) {
        length += Buffer.from(part.buffer, part.byteOffset, bytes).copy(buffer, length)
        if (isWhole(buffer.subarray(0, length))) ended()
        return true
      },
    },
  })
  return {
    async counted() {
      length = 0
      const isEnded = new Promise<void>((resolve) => (ended = resolve))
      socket.write(`GET /metrics HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
      await isEnded
      const at = buffer.subarray(0, length).indexOf(METRIC) + METRIC.length
      return Number.parseInt(buffer.toString('latin1', at, at + 16), 10)
    },
    close: () => socket.destroy(),
  }
}

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
  const reader = createReader(page)
  bench.teardown(reader.close)

  // All series once, and all code warm.
  const before = 5 * SERIES
  for (let number = 0; number < before; number++) call.write(encodeBatch([encodeAlert(number)]))
  while ((await reader.counted()) < before);

  // What being on disk takes here: each alert is in the outbox and in the store before it shows.
  const file = openSync(join(state, 'floor'), 'a')
  const block = Buffer.alloc(1024)
  const onDisk: number[] = []
  const toMetrics: number[] = []
  const toLoki: number[] = []
  for (let number = before; number < before + ALERTS; number++) {
    const isPushed = new Promise<void>((resolve) => (pushed = resolve))
    const alert = encodeAlert(number)
    const written = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    onDisk.push(performance.now() - written)
    const begun = performance.now()
    call.write(encodeBatch([alert]))
    while ((await reader.counted()) <= number);
    toMetrics.push(performance.now() - begun)
    await isPushed
    toLoki.push(performance.now() - begun)
  }
  const row = (name: string, values: readonly number[]): (string | number)[] => [
    name,
    ...[quantile(values), quantile(values, 0.99)].map((value) => value.toFixed(1)),
  ]
  process.stdout.write('## How long is an alert on its way through the exporter?\n\n')
  process.stdout.write(
    `${ALERTS} alerts, one at a time, of series that exist; each is durable before it shows.\n\n`,
  )
  printTable(
    ['Way', 'median, ms', 'p99, ms'],
    [
      row('floor: 1 KiB written to a file and on disk', onDisk),
      row('to its count in /metrics', toMetrics),
      row("into Loki's hands", toLoki),
    ],
  )
})
