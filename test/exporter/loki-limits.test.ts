/** What Loki takes by its clock and by its rate, and what becomes of the rest. */
import t from 'tap'
import { isEmpty, numbered, startEnds } from './support/ends.js'
import { runExporter, sumOf, until } from './support/exporter.js'
import { wireAlert, type WireAlert } from './support/services.js'

const HOUR = 3_600_000

for (const [name, off] of [
  ['an hour behind', -HOUR],
  ['a month ahead', 30 * 24 * HOUR],
] as const) {
  void t.test(
    `Loki's clock is ${name}: what it refused gets a time that it takes, once`,
    async (t) => {
      const { socket, daemon, loki } = await startEnds(t)
      loki.clockMilliseconds = off
      const seconds = String(Math.floor(Date.now() / 1000))
      const alerts = numbered(100).map((alert) => ({ ...alert, time: { seconds, nanos: 5 } }))
      daemon.append(...alerts.slice(0, 50))
      const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
      const exporter = await runExporter(t, args)
      await until('all stored', () => loki.entries.length === 50)
      const retimed = 'peregrine_ship_retimed_entries_total'
      t.equal(sumOf(await exporter.metrics(), retimed), 50)
      daemon.append(...alerts.slice(50))
      await until('those behind them too', () => loki.entries.length === 100)
      await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
      t.same(
        loki.entries.map(({ line }) => line),
        alerts.map(({ output }) => output),
      )
      const page = await exporter.metrics()
      t.equal(sumOf(page, retimed), 50, 'the clock is known now')
      t.equal(sumOf(page, 'peregrine_ship_dropped_entries_total'), 0)
      const offset = sumOf(page, 'peregrine_ship_clock_offset_seconds')
      t.ok(Math.abs(offset - off / 1000) < 60, String(offset))
      const truly = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.000000005Z`
      t.ok(loki.entries.every(({ metadata }) => metadata.event_time === truly))
    },
  )
}

/** One alert every ten minutes of the last hours, the oldest first. */
function backlog(count: number): WireAlert[] {
  const now = Math.floor(Date.now() / 1000)
  return numbered(count).map((alert, index) => ({
    ...alert,
    time: { seconds: String(now - 600 * (count - index)), nanos: 7 },
  }))
}

const LATE = 'peregrine_ship_retimed_entries_total'
const DROPPED = 'peregrine_ship_dropped_entries_total'

void t.test(
  'what is too far behind its log stream gets a time that Loki takes, once',
  async (t) => {
    const { socket, daemon, loki } = await startEnds(t)
    const [first, ...rest] = backlog(60)
    // Somebody else, or an earlier run whose clock was right, has pushed to the same log stream.
    const stream = {
      ...{ service_name: 'falco', source: 'syscall', priority: 'Warning', hostname: 'node-a' },
      ...{ k8s_ns_name: 'shop', k8s_pod_name: 'cart-1' },
    }
    const body = { streams: [{ stream, values: [[`${Date.now()}000000`, 'newest', {}]] }] }
    const headers = { 'content-type': 'application/json' }
    const push = { method: 'POST', headers, body: JSON.stringify(body) }
    t.equal((await fetch(`${loki.url}/loki/api/v1/push`, push)).status, 204)

    daemon.append(first ?? wireAlert(), ...rest.slice(0, -10))
    const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
    const exporter = await runExporter(t, args)
    await until('all are there', () => loki.entries.length === 1 + 50)
    await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
    t.equal(sumOf(await exporter.metrics(), LATE), 50)
    t.equal(sumOf(await exporter.metrics(), DROPPED), 0)
    const truly = new Date(Number(first?.time.seconds) * 1000).toISOString().slice(0, 19)
    const entry = loki.entries.find(({ line }) => line === first?.output)
    t.equal(entry?.metadata.event_time, `${truly}.000000007Z`)

    const before = loki.pushes.length
    daemon.append(...backlog(60).slice(0, 10))
    await until('more', () => loki.entries.length === 1 + 60)
    t.equal(loki.pushes.length, before + 1, 'the log stream is known now')
  },
)

void t.test('a backlog of hours whose answers are lost is not doubled', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  loki.script.push({ status: 0, stores: true }, { status: 503, stores: true })
  const alerts = backlog(60)
  daemon.append(...alerts)
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, args)
  await until('all are there', () => loki.entries.length === alerts.length)
  await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
  const page = await exporter.metrics()
  t.equal(loki.entries.length, alerts.length)
  t.equal(sumOf(page, LATE), 0)
  t.equal(sumOf(page, DROPPED), 0)
  t.equal(sumOf(page, 'peregrine_ship_accepted_entries_total'), alerts.length)
})

void t.test('what has waited goes out in pushes of bounded size, in order', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  loki.usual = { status: 503 }
  const long = { time: { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 } }
  const small = numbered(9_000).map((alert) => ({ ...alert, ...long }))
  const large = numbered(6_000, 9_000).map((alert) => ({
    ...{ ...alert, ...long },
    output_fields: { 'proc.cmdline': `${alert.output} ${'x'.repeat(900)}` },
  }))
  daemon.append(...small, ...large)
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, args)
  const total = small.length + large.length
  await until('all wait', async () => {
    return sumOf(await exporter.metrics(), 'peregrine_ship_waiting_entries') === total
  })
  const before = loki.pushes.length
  loki.usual = { status: 204 }
  await until('all are there', () => loki.entries.length === total, 90_000)
  for (const { body } of loki.pushes.slice(before)) {
    t.ok(body.length < 2.6 * 1024 * 1024, `${body.length} bytes`)
    t.ok(body.split('"event_id":').length - 1 <= 5_000)
  }
  t.ok(loki.pushes.length - before <= 8, 'and in few')
  const inOrder = (output: { readonly line: string }[]): boolean =>
    output.every(({ line }, at) => {
      const number = Number(line.replace('alert ', ''))
      return at === 0 || number > Number(output[at - 1]?.line.replace('alert ', ''))
    })
  const streams = new Map<string, { readonly line: string }[]>()
  for (const { stream, line } of loki.entries) {
    const key = JSON.stringify(stream)
    const known = streams.get(key)
    if (known === undefined) streams.set(key, [{ line }])
    else known.push({ line })
  }
  t.equal(streams.size, 2)
  t.ok([...streams.values()].every(inOrder), 'each log stream in order')
  t.same(loki.faults, [])
})

void t.test('a push of more than Loki ever takes at once is halved', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  loki.entriesLimit = 10
  daemon.append(...numbered(20))
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, args)
  await until('all stored', () => loki.entries.length === 20)
  await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
  t.equal(sumOf(await exporter.metrics(), 'peregrine_ship_accepted_entries_total'), 20)
  t.equal(loki.pushes.length, 5, 'three refused, two halves')
})
