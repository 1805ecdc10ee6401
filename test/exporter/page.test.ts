import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { startEnds } from './support/ends.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

/** What users' dashboards and rules may lean on. */
const METRICS = [
  'falco_event_last_seen_timestamp_seconds gauge',
  'falco_events counter',
  'peregrine_alerts_counted_total counter',
  'peregrine_alerts_delay_seconds histogram',
  'peregrine_alerts_duplicate_total counter',
  'peregrine_alerts_filtered_total counter',
  'peregrine_alerts_invalid_total counter',
  'peregrine_alerts_missed_total counter',
  'peregrine_alerts_waiting gauge',
  'peregrine_build_info gauge',
  'peregrine_certificate_not_after_timestamp_seconds gauge',
  'peregrine_config_reloads_total counter',
  'peregrine_gaps_total counter',
  'peregrine_notices_total counter',
  'peregrine_page_alerts_skipped_total counter',
  'peregrine_page_viewers gauge',
  'peregrine_series_budget gauge',
  'peregrine_series_forgotten_total counter',
  'peregrine_series_hidden gauge',
  'peregrine_series_hides_total counter',
  'peregrine_series_overflow_alerts_total counter',
  'peregrine_series_used gauge',
  'peregrine_ship_accepted_entries_total counter',
  'peregrine_ship_clock_offset_seconds gauge',
  'peregrine_ship_delay_seconds histogram',
  'peregrine_ship_demoted_entries_total counter',
  'peregrine_ship_dropped_entries_total counter',
  'peregrine_ship_entries_total counter',
  'peregrine_ship_filtered_alerts_total counter',
  'peregrine_ship_lag_seconds gauge',
  'peregrine_ship_moved_entries_total counter',
  'peregrine_ship_push_duration_seconds histogram',
  'peregrine_ship_pushes_total counter',
  'peregrine_ship_retimed_entries_total counter',
  'peregrine_ship_streams gauge',
  'peregrine_ship_waiting_bytes gauge',
  'peregrine_ship_waiting_entries gauge',
  'peregrine_store_commit_duration_seconds histogram',
  'peregrine_store_commit_failures_total counter',
  'peregrine_store_commits_total counter',
  'peregrine_subscribe_alerts_dropped_total counter',
  'peregrine_subscribe_alerts_received_total counter',
  'peregrine_subscribe_behind_alerts gauge',
  'peregrine_subscribe_connected gauge',
  'peregrine_subscribe_last_message_timestamp_seconds gauge',
  'peregrine_subscribe_reconnects_total counter',
  'peregrine_time_seconds gauge',
]

const HOSTILE = [
  '</td><script>alert(1)</script>',
  '"\n}{ falco_events 99',
  '\u0000\u001b[2J\u009b',
  '\ud800lone',
  '{{ $labels }}',
  'x'.repeat(65_536),
]

interface SentEvent {
  readonly id: string
  readonly data: string
}

/** The first events of the stream; more may follow. */
async function readEvents(
  address: string,
  count: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly SentEvent[]> {
  const stop = new AbortController()
  const answer = await fetch(`${address}/alerts`, { headers, signal: stop.signal })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  const events: SentEvent[] = []
  let text = ''
  while (reader !== undefined && events.length < count) {
    const { value, done } = await reader.read()
    if (done) break
    text += value
    const whole = text.split('\n\n')
    text = whole.pop() ?? ''
    for (const event of whole) {
      const [, id, data] = /^id: (.*)\nevent: alert\ndata: (.*)$/.exec(event) ?? []
      if (id !== undefined && data !== undefined) events.push({ id, data })
    }
  }
  stop.abort()
  return events
}

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined

void t.test('what is served', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const bad = { name: 'peregrined_x_total', help: 'a\nb', type: 1, value: 1 }
  const metrics = [
    { ...bad, labels: { bad: 'a"b\n\u0001' } },
    { ...bad, labels: { 'no name': 'x', daemon: 'forged' } },
    { ...bad, name: 'peregrined_y{a="b"} 1\nforged_total' },
  ]
  const daemon = await startDaemon(socket, { metrics })
  t.teardown(daemon.stop)
  for (const text of HOSTILE) {
    daemon.append(
      wireAlert({
        rule: text,
        hostname: text,
        source: text,
        tags: [text],
        output: text,
        output_fields: { [text]: text, 'k8s.ns.name': text, 'k8s.pod.name': text },
      }),
    )
  }
  const loki = ['--loki-url', 'http://127.0.0.1:9']
  const args = ['--falco', socket, '--state-dir', ':temporary:', ...loki]
  const exporter = await runExporter(t, args)
  await until('counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 6)
  await until('status', async () => (await exporter.metrics()).includes('peregrined_x_total{'))

  await t.test('metrics', async (t) => {
    const answer = await exporter.get('/metrics')
    t.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    const page = await answer.text()
    const types = [...page.matchAll(/^# TYPE ((?:falco|peregrine)_.*)$/gm)].map(([, type]) => type)
    t.same(types.toSorted(), METRICS)
    const line = /^(?:# .*|[a-z0-9_]+(?:\{[^\n]*\})? (?:[0-9.e+-]+|Nan|NaN))$/
    for (const text of page.trimEnd().split('\n')) {
      if (text !== '') t.match(text, line)
    }
    t.equal(page.match(/^falco_events\{/gm)?.length, HOSTILE.length)
    t.notMatch(page, /^forged/m)
    t.notMatch(page, 'daemon="forged"')
  })

  const skip = hasPromtool ? false : 'promtool is not installed'
  await t.test('promtool reads it', { skip }, async (t) => {
    const input = await exporter.metrics()
    const check = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    const remarks = (check.stdout + check.stderr).trim().split('\n')
    // The name that users know; Falco's own exporter counts under it.
    t.same(remarks, ['falco_events counter metrics should have "_total" suffix'])
  })

  await t.test('the page allows nothing from elsewhere, and brings its own', async (t) => {
    const answer = await exporter.get('/')
    const policy = answer.headers.get('content-security-policy') ?? ''
    t.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'/)
    t.notMatch(policy, /unsafe|\*/)
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    const page = await answer.text()
    for (const [, path = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
      t.match(path, /^\//, 'nothing from afar')
      t.equal((await exporter.get(path)).status, 200, path)
    }
    t.notMatch(page, /<script>|style=|onclick/)
    const style = await exporter.get('/style.css')
    t.equal(style.headers.get('content-type'), 'text/css; charset=utf-8')
    t.equal((await exporter.get('/none')).status, 404)
  })

  await t.test('live alerts come as events, and go on behind the last id', async (t) => {
    const all = await readEvents(exporter.address, HOSTILE.length)
    t.equal(all.length, HOSTILE.length)
    for (const { data } of all) {
      t.notMatch(data, /[\u0000-\u001f\ud800-\udfff]/, 'one line, no controls')
      t.match(JSON.parse(data), { priority: 'Warning', fields: Object })
    }
    const after = all.at(-2)?.id ?? ''
    const rest = await readEvents(exporter.address, 1, { 'last-event-id': after })
    t.same(rest, all.slice(-1), 'only what came behind it')
    daemon.append(wireAlert({ rule: 'just now' }))
    const [next] = await readEvents(exporter.address, 1, { 'last-event-id': all.at(-1)?.id ?? '' })
    t.match(next?.data, '"rule":"just now"')
  })

  await t.test('a compressed scrape says the same', async (t) => {
    const answer = await exporter.get('/metrics', { 'accept-encoding': 'gzip' })
    t.equal(answer.headers.get('content-encoding'), 'gzip')
    t.equal(sumOf(await answer.text(), 'falco_events'), HOSTILE.length + 1)
  })

  t.equal(await (await exporter.get('/healthz')).text(), 'ok\n')
  t.equal(await (await exporter.get('/readyz')).text(), 'ready\n')
  daemon.stop()
  await until('said', async () => {
    const answer = await exporter.get('/readyz')
    return answer.status === 503 && /^not ready: unix:.*/.test(await answer.text())
  })
  t.equal((await exporter.get('/healthz?probe=1')).status, 200, 'alive without its daemon')
})

void t.test('each way in and out says what is wrong, since when, and what was', async (t) => {
  const { directory, socket, daemon, loki } = await startEnds(t)
  loki.usual = { status: 401, text: 'no org id' }
  const away = `unix:${join(directory, 'away.sock')}`
  const targets = ['--loki-url', loki.url, '--alertmanager-url', 'http://127.0.0.1:9']
  const intake = ['--intake-listen', '127.0.0.1:0']
  const args = ['--falco', socket, '--falco', away, '--state-dir', ':temporary:']
  const exporter = await runExporter(t, [...args, ...targets, ...intake])
  const now = { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 }
  const page = async (): Promise<string> => (await exporter.get('/')).text()
  t.match(await page(), /Alertmanager http:.*nothing to send yet/)
  daemon.append(wireAlert({ priority: 1, time: now }))
  const post = `http://${/"intake":"([^"]+)"/.exec(exporter.log())?.[1] ?? ''}/`
  await fetch(post, { method: 'POST', body: 'no JSON' })
  const ill = [
    /away\.sock<\/strong><span>away: no socket at .*<span class="since">since 2\d{3}-/,
    /Loki<\/strong><span>Loki answered 401: no org id, 1 entries wait.*since 2\d{3}-/,
    /Alertmanager http.*<span>cannot reach Alertmanager: .*ECONNREFUSED.*since 2\d{3}-/,
    /HTTP intake<\/strong>.*last error: no valid alert: not_json, at 2\d{3}-/,
  ]
  await until('all is told', async () => {
    const text = await page()
    return ill.every((pattern) => pattern.test(text))
  })

  loki.usual = { status: 204 }
  const back = await startDaemon(away, { streamId: 'b' })
  t.teardown(back.stop)
  const well = [
    /away\.sock<\/strong><span>subscribed \(batched\).*last error: no socket at .*, at 2\d{3}-/,
    /Loki<\/strong><span>1 accepted, 0 entries wait.*last error: Loki answered 401: .*, at 2/,
  ]
  await until('what was is remembered', async () => {
    const text = await page()
    return well.every((pattern) => pattern.test(text))
  })
})

void t.test('without the page, nothing of it is served', async (t) => {
  const { socket } = await startEnds(t)
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--page', 'off']
  const exporter = await runExporter(t, args)
  for (const path of ['/', '/alerts', '/state', '/page.js', '/style.css']) {
    t.equal((await exporter.get(path)).status, 404, path)
  }
  t.equal((await exporter.get('/metrics')).status, 200)
  t.equal((await exporter.get('/healthz')).status, 200)
})

void t.test('who reads slowly or not at all holds up nobody', async (t) => {
  const { socket, daemon } = await startEnds(t)
  const alerts = Array.from({ length: 8_000 }, (_, index) => {
    const fields = { 'k8s.ns.name': 'shop', 'k8s.pod.name': `${index}-${'x'.repeat(200)}` }
    return wireAlert({ rule: `rule ${index % 8}`, output_fields: fields })
  })
  daemon.append(...alerts)
  const exporter = await runExporter(t, ['--falco', socket, '--state-dir', ':temporary:'])
  const count = async (): Promise<number> => sumOf(await exporter.metrics(), 'falco_events')
  await until('counted', async () => (await count()) === alerts.length)
  const { port } = new URL(exporter.address)
  const idle = Array.from({ length: 30 }, (_, index) => {
    const client = connect(Number(port), '127.0.0.1')
    client.pause()
    client.on('error', () => undefined)
    const packed = index % 2 === 0 ? 'accept-encoding: gzip\r\n' : ''
    client.write(
      `GET /${index % 3 === 0 ? 'alerts' : 'metrics'} HTTP/1.1\r\nhost: x\r\n${packed}\r\n`,
    )
    return client
  })
  t.teardown(() => {
    for (const client of idle) client.destroy()
  })
  for (let round = 1; round <= 5; round++) {
    daemon.append(wireAlert({ rule: 'rule 0' }))
    await until('counted and told', async () => (await count()) === alerts.length + round)
  }
  t.equal((await exporter.get('/healthz')).status, 200)
})
