/** How Loki is reached: tenants, logins, certificates, headers, and what is sent there at all. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeCertificates } from './support/certificates.js'
import { isEmpty, startEnds } from './support/ends.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startLoki } from './support/loki.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert, type WireAlert } from './support/services.js'

function inNamespace(namespace: string, changes: Partial<WireAlert> = {}): WireAlert {
  return wireAlert({ output: namespace, output_fields: { 'k8s.ns.name': namespace }, ...changes })
}

void t.test('namespaces have tenants, and one that is refused holds up no other', async (t) => {
  const { directory, socket, daemon, loki } = await startEnds(t)
  loki.tenants.set('team-bank', { status: 401, text: 'no such tenant' })
  const tenants = ['--loki-tenant', 'everybody', '--loki-namespace-tenant', 'shop=team-shop']
  const bank = ['--loki-namespace-tenant', 'bank=team-bank']
  const target = ['--state-dir', join(directory, 'state'), '--loki-url', loki.url]
  const args = ['--falco', socket, ...target, ...tenants]
  daemon.append(...['bank', 'shop', 'other', ''].map((namespace) => inNamespace(namespace)))
  const exporter = await runExporter(t, [...args, ...bank])
  await until('the others are there', () => loki.entries.length === 3)
  const isHeld = async (): Promise<boolean> =>
    sumOf(await exporter.metrics(), 'peregrine_ship_pushes_total', 'held') >= 1
  await until('one is held', isHeld)
  t.equal(sumOf(await exporter.metrics(), 'peregrine_ship_waiting_entries'), 1)
  t.match(exporter.log(), /"tenant":"team-bank","err":"Loki answered 401: no such tenant"/)
  const state = await (await exporter.get('/state')).text()
  t.match(state, /"Loki, tenant team-bank","isWell":false,"state":"Loki answered 401/)
  const namespacesOf = (tenant: string): (string | undefined)[] => {
    const pushes = loki.pushes.filter(({ headers }) => headers['x-scope-orgid'] === tenant)
    return loki.entries
      .filter(({ metadata }) => pushes.some(({ body }) => body.includes(metadata.event_id ?? '-')))
      .map(({ stream }) => stream.k8s_ns_name)
  }
  t.same(namespacesOf('team-shop'), ['shop'])
  t.same(namespacesOf('everybody'), ['other', undefined])
  await exporter.stop()

  // A tenant that is configured no more still gets what waits for it.
  loki.tenants.clear()
  await runExporter(t, args)
  await until('the last', () => loki.entries.length === 4)
  t.equal(loki.pushes.at(-1)?.headers['x-scope-orgid'], 'team-bank')
})

void t.test('mutual TLS, a bearer token and a header of one’s own', async (t) => {
  const directory = temporaryDirectory(t)
  const path = (name: string): string => join(directory, name)
  makeCertificates(directory)
  const read = (name: string): Buffer => readFileSync(path(name))
  const loki = await startLoki(0, undefined, {
    ...{ key: read('server.key'), cert: read('server.pem'), ca: read('ca.pem') },
    ...{ requestCert: true, rejectUnauthorized: true },
  })
  t.teardown(loki.close)
  const socket = `unix:${path('daemon.sock')}`
  const daemon = await startDaemon(socket)
  t.teardown(daemon.stop)
  daemon.append(wireAlert())
  writeFileSync(path('token'), 'sesame\n')
  const args = (name: string): readonly string[] => [
    ...['--falco', socket, '--state-dir', path(`state-${name}`), '--loki-url', loki.url],
    ...['--loki-token-file', path('token'), '--loki-header', 'X-Gate=seven'],
    ...['--loki-tls-ca', path('ca.pem'), '--loki-tls-cert', path(`${name}.pem`)],
    ...['--loki-tls-key', path(`${name}.key`)],
  ]
  const stranger = await runExporter(t, args('other'))
  await until('it says so', () => stranger.log().includes('cannot reach Loki'))
  t.equal(loki.pushes.length, 0)
  await stranger.kill()

  const exporter = await runExporter(t, args('client'))
  await until('shipped', () => loki.entries.length === 1)
  t.match(loki.pushes[0]?.headers, {
    authorization: 'Bearer sesame',
    'x-gate': 'seven',
    'content-encoding': 'gzip',
  })
  t.notMatch(exporter.log() + stranger.log(), 'sesame')
})

void t.test('each target has a least priority and a filter of its own', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  daemon.append(
    wireAlert({ rule: 'Loud', priority: 5 }),
    wireAlert({ rule: 'Quiet', priority: 3 }),
    wireAlert({ rule: 'Urgent', priority: 2, hostname: 'node-b' }),
    wireAlert({ rule: 'Mine', priority: 2 }),
  )
  const shipped = ['--loki-min-priority', 'error', '--loki-filter', 'hostname!=node-b']
  const counted = ['--series-min-priority', '4', '--series-filter', 'rule=~Q.*|U.*']
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, ...shipped, ...counted])
  await until('shipped', () => loki.entries.length === 2)
  await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
  t.same(
    loki.entries.map(({ metadata }) => metadata.rule),
    ['Quiet', 'Mine'],
  )
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'falco_events'), 2)
  t.equal(sumOf(page, 'falco_events', 'rule="Quiet"'), 1)
  t.equal(sumOf(page, 'falco_events', 'rule="Urgent"'), 1)
  t.equal(sumOf(page, 'peregrine_ship_filtered_alerts_total'), 2)
  t.equal(sumOf(page, 'peregrine_alerts_filtered_total'), 2)
})

void t.test('past the cap on log streams, pods and hosts are metadata', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  const pods = Array.from({ length: 40 }, (_, index) => `pod-${index}`)
  daemon.append(
    ...pods.map((pod) =>
      wireAlert({ output: pod, output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': pod } }),
    ),
  )
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, '--loki-streams', '5'])
  await until('shipped', () => loki.entries.length === pods.length)
  const streams = new Set(loki.entries.map(({ stream }) => JSON.stringify(stream)))
  t.ok(streams.size <= 6, `${streams.size} log streams`)
  for (const { stream, metadata, line } of loki.entries) {
    t.equal(stream.k8s_pod_name ?? metadata.k8s_pod_name, line, 'found all the same')
  }
  t.same(loki.faults, [])
  t.ok(sumOf(await exporter.metrics(), 'peregrine_ship_demoted_entries_total') >= 30)
})

void t.test('what waits for too long is given up, counted and said', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  loki.usual = { status: 503 }
  daemon.append(wireAlert(), wireAlert())
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, '--outbox-age', '1s'])
  const dropped = 'peregrine_ship_dropped_entries_total'
  // Something must come for it to look again; what is being pushed stays until then.
  await until('given up', async () => {
    daemon.append(wireAlert())
    return sumOf(await exporter.metrics(), dropped, 'outbox_age') >= 2
  })
  await until('said', () => exporter.log().includes('log lines are given up'))
  t.match(exporter.log(), /"reason":"outbox_age"/)
  const page = await exporter.metrics()
  const entries = sumOf(page, 'peregrine_ship_entries_total')
  const gone = sumOf(page, dropped) + sumOf(page, 'peregrine_ship_accepted_entries_total')
  t.equal(entries, gone + sumOf(page, 'peregrine_ship_waiting_entries'))
})
