/** Fields that are absent, of the wrong type, huge or hostile; impossible times; servers of garbage. */
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { isEmpty, startEnds } from './support/ends.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startFalco } from './support/falco.js'
import { startLoki } from './support/loki.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert, type WireAlert } from './support/services.js'

const MEBIBYTE = 'é'.repeat(512 * 1024)
const TEXTS = [
  MEBIBYTE,
  '',
  'null',
  '<NA>',
  '\u0000\u001b[2J\u202e',
  '\ud800lone',
  '"}\nfalco_events{rule="forged"} 99\n',
  '</script><script>alert(1)</script>',
  '${jndi:ldap://x} {{ $labels }} %s',
  '__proto__',
]
const ALERT = {
  ...{ hostname: 'node-a', output: 'text', priority: 'Warning', rule: 'Rule', source: 'syscall' },
  ...{ tags: ['a'], time: new Date().toISOString() },
  output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': 'cart-1', 'proc.name': 'sh' },
}
const WRONG = [7, -1e400, true, null, [], [[null]], {}, { a: { b: [1] } }, ...TEXTS]

/** What a scrape must be made of, whatever came in. */
const LINE =
  /^(?:|# .*|[a-z_]\w*(?:\{(?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (?:[-+0-9.e]+|[+-]Inf|Nan|NaN))$/

function isSound(page: string): boolean {
  return (
    page.split('\n').every((line) => LINE.test(line)) &&
    !page.includes('\nfalco_events{rule="forged"} 99')
  )
}

void t.test('posted: each field absent, of each wrong type, huge and hostile', async (t) => {
  const directory = temporaryDirectory(t)
  const loki = await startLoki()
  t.teardown(loki.close)
  const ways = ['--falco', 'none', '--intake-listen', '127.0.0.1:0', '--loki-url', loki.url]
  const labels = ['--extra-label', 'process=proc.name']
  const state = ['--state-dir', join(directory, 'state')]
  const exporter = await runExporter(t, [...ways, ...labels, ...state])
  await until('open', () => exporter.log().includes('"intake"'))
  const url = `http://${/"intake":"([^"]+)"/.exec(exporter.log())?.[1] ?? ''}/`
  const alerts: object[] = []
  for (const key of Object.keys(ALERT)) {
    alerts.push(Object.fromEntries(Object.entries(ALERT).filter(([name]) => name !== key)))
    for (const value of WRONG) alerts.push({ ...ALERT, [key]: value })
  }
  for (const value of WRONG) {
    for (const name of [...Object.keys(ALERT.output_fields), ...TEXTS.slice(1)]) {
      alerts.push({ ...ALERT, output_fields: { ...ALERT.output_fields, [name]: value } })
    }
  }
  alerts.push({ ...ALERT, output_fields: { [MEBIBYTE]: MEBIBYTE } })
  alerts.push({ ...ALERT, tags: TEXTS })
  for (const alert of alerts) {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(alert) })
    const text = await answer.text()
    t.ok(answer.status === 200 || answer.status === 400, `${answer.status} ${text.slice(0, 200)}`)
    if (answer.status === 400) t.match(text, /no valid alert: \w+; expected/)
  }
  const page = await exporter.metrics()
  t.ok(isSound(page))
  const counted = sumOf(page, 'falco_events')
  const invalid = sumOf(page, 'peregrine_alerts_invalid_total')
  t.equal(counted + invalid, alerts.length, 'each is counted, or is counted as no alert')
  t.ok(sumOf(page, 'peregrine_alerts_invalid_total', 'rule_missing') >= 5)
  t.ok(sumOf(page, 'peregrine_alerts_invalid_total', 'priority_unknown') >= 5)
  t.ok(sumOf(page, 'peregrine_alerts_invalid_total', 'time_out_of_range') >= 5)
  await until('shipped', async () => isEmpty(await exporter.metrics()))
  t.same(loki.faults, [])
  t.equal(sumOf(await exporter.metrics(), 'peregrine_ship_accepted_entries_total'), counted)
  await until('said', () => exporter.log().includes('messages are no valid alerts'))
  const sample = /\{[^\n]*"reason":"rule_missing","count":\d+,"last":"[^\n]*"/
  t.match(exporter.log(), sample, 'with a sample')
  t.equal((await exporter.get('/')).status, 200)
})

for (const [kind, start] of [
  ['peregrined', startOurs],
  ['a Falco', startTheirs],
] as const) {
  void t.test(`${kind}: each field absent, huge and hostile`, async (t) => {
    const directory = temporaryDirectory(t)
    const socket = `unix:${join(directory, 'daemon.sock')}`
    const send = await start(t, socket)
    const loki = await startLoki()
    t.teardown(loki.close)
    const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
    const exporter = await runExporter(t, args)
    const alerts: WireAlert[] = []
    for (const text of TEXTS) {
      for (const key of ['rule', 'output', 'hostname', 'source'] as const) {
        alerts.push(wireAlert({ [key]: text }))
      }
      alerts.push(wireAlert({ tags: [text, text] }))
      for (const name of ['k8s.ns.name', 'k8s.pod.name', text]) {
        alerts.push(wireAlert({ output_fields: { [name]: text } }))
      }
    }
    alerts.push(wireAlert({ priority: -1 }), wireAlert({ priority: 2 ** 31 - 1 }))
    alerts.push(wireAlert({ time: { seconds: '-1', nanos: 0 } }))
    alerts.push(wireAlert({ time: { seconds: '9223372036854775807', nanos: -5 } }))
    send(...alerts)
    const total = async (): Promise<number> => {
      const page = await exporter.metrics()
      return sumOf(page, 'falco_events') + sumOf(page, 'peregrine_alerts_invalid_total')
    }
    await until('each is counted, or is counted as no alert', async () => {
      return (await total()) === alerts.length
    })
    const page = await exporter.metrics()
    t.ok(isSound(page))
    t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'rule_missing'), 3)
    t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'priority_unknown'), 2)
    t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'time_out_of_range'), 2)
    await until('shipped', async () => isEmpty(await exporter.metrics()))
    t.same(loki.faults, [])
    t.equal(loki.entries.length, alerts.length - 7)
  })
}

type Send = (...alerts: WireAlert[]) => void

async function startOurs(
  t: { teardown: (work: () => unknown) => void },
  socket: string,
): Promise<Send> {
  const daemon = await startDaemon(socket, { batchLimit: 8 })
  t.teardown(daemon.stop)
  return daemon.append
}

async function startTheirs(
  t: { teardown: (work: () => unknown) => void },
  socket: string,
): Promise<Send> {
  const falco = await startFalco(socket)
  t.teardown(falco.stop)
  return (...alerts) => falco.queue.push(...alerts)
}

void t.test('alerts of 1970 and of 2100', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  const seconds = (year: number): string => String(Date.UTC(year, 0, 1) / 1000)
  const at = (year: number): WireAlert =>
    wireAlert({ rule: String(year), priority: 2, time: { seconds: seconds(year), nanos: 1 } })
  const told: string[] = []
  const alertmanager = await startAlertmanager(t, (body) => told.push(body))
  daemon.append(at(1970), at(2100))
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, '--alertmanager-url', alertmanager])
  await until('shipped', () => loki.entries.length === 2)
  for (const { metadata, time } of loki.entries) {
    t.equal(metadata.event_time, `${metadata.rule}-01-01T00:00:00.000000001Z`)
    const days = (Number(BigInt(time) / 1_000_000n) - Date.now()) / 86_400_000
    t.ok(days > -7 && days < 0.01, `${metadata.rule} lies ${days} days from now`)
  }
  await until('the young one is told', () => told.length > 0 && told.join('').includes('2100'))
  t.notMatch(told.join(''), '"rule":"1970"')
  t.match(told.join(''), new RegExp(`"startsAt":"${new Date().getUTCFullYear()}-`))
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_notify_old_alerts_total'), 1)
  t.equal(sumOf(page, 'peregrine_ship_moved_entries_total'), 2)
  t.equal(sumOf(page, 'falco_events'), 2)
  for (const year of ['1970', '2100']) {
    const seen = sumOf(page, 'falco_event_last_seen_timestamp_seconds', `rule="${year}"`)
    t.ok(Math.abs(seen - Date.now() / 1000) < 120, 'when it was seen, not when it claims to be')
  }
  t.ok(isSound(page))
})

/** Answers each request with 200. */
async function startAlertmanager(
  t: { teardown: (work: () => unknown) => void },
  told: (body: string) => void,
): Promise<string> {
  return listen(
    t,
    createServer((connection) => {
      connection.on('data', (part) => {
        told(part.toString())
        connection.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      })
      connection.on('error', () => undefined)
    }),
  )
}

async function listen(
  t: { teardown: (work: () => unknown) => void },
  server: Server,
  path?: string,
): Promise<string> {
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(path, resolve)
  })
  t.teardown(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
}

void t.test('a hundred thousand pods take the room of a few, and each alert counts', async (t) => {
  const { socket, daemon } = await startEnds(t)
  let shipped = 0
  const loki = await startLoki(0, () => shipped++)
  t.teardown(loki.close)
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, '--series-budget', '2000'])
  const before = sumOf(await exporter.metrics(), 'process_resident_memory_bytes')
  const count = 100_000
  const time = { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 }
  for (let pod = 0; pod < count; pod += 1_000) {
    const pods = Array.from({ length: 1_000 }, (_, index) => `pod-${pod + index}`)
    daemon.append(
      ...pods.map((name) => wireAlert({ time, output_fields: { 'k8s.pod.name': name } })),
    )
  }
  await until('counted', async () => sumOf(await exporter.metrics(), 'falco_events') === count)
  await until('shipped', async () => isEmpty(await exporter.metrics()))
  t.equal(shipped, count)
  t.same(loki.faults, [])
  const page = await exporter.metrics()
  t.ok(sumOf(page, 'peregrine_series_used') <= 2_000)
  t.equal(sumOf(page, 'falco_events', '__overflow__'), count - 500, 'a rule has a quarter')
  t.ok(sumOf(page, 'peregrine_ship_streams') <= 2_001)
  const grown = sumOf(page, 'process_resident_memory_bytes') - before
  t.ok(grown < 400 * 1024 * 1024, `${Math.round(grown / 2 ** 20)} MiB more`)
})

void t.test('servers that send garbage are named, tried again, and harm nobody', async (t) => {
  const { directory, socket, daemon } = await startEnds(t)
  const noise = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 89) % 256))
  const babble = (): Server =>
    createServer((connection) => {
      connection.write(noise)
      connection.on('data', () => connection.write(noise))
      connection.on('error', () => undefined)
    })
  const garbage = join(directory, 'garbage.sock')
  await listen(t, babble(), garbage)
  const url = await listen(t, babble())
  const args = ['--falco', socket, '--falco', `unix:${garbage}`, '--state-dir', ':temporary:']
  const targets = ['--loki-url', url, '--alertmanager-url', url]
  const exporter = await runExporter(t, [...args, ...targets])
  daemon.append(
    wireAlert({ priority: 1, time: { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 } }),
  )
  const page = (): Promise<string> => exporter.metrics()
  await until('the others go on', async () => sumOf(await page(), 'falco_events') === 1)
  const isTried = async (): Promise<boolean> => {
    const text = await page()
    return (
      sumOf(text, 'peregrine_subscribe_reconnects_total', 'garbage.sock') >= 2 &&
      sumOf(text, 'peregrine_ship_pushes_total', 'later') >= 2 &&
      sumOf(text, 'peregrine_notify_failures_total') >= 2
    )
  }
  await until('each is tried again', isTried)
  const away = exporter.log().match(/"daemon":"[^"]*garbage\.sock","err":"[^"]+"/g) ?? []
  t.match(away, [/does not speak gRPC: is the address right/], 'once, however often it is tried')
  t.equal(away.length, 1)
  t.match(exporter.log(), /"err":"cannot reach Loki: [^"]+"/)
  t.match(exporter.log(), /"err":"cannot reach Alertmanager: [^"]+"/)
  t.equal(sumOf(await page(), 'peregrine_ship_waiting_entries'), 1)
})
