import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import t from 'tap'
import { Agent, request } from 'undici'
import { createClock } from '../e2e/support/clock.js'
import { makeCertificates } from './support/certificates.js'
import { runExporter, runToEnd, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startFalco } from './support/falco.js'
import { startLoki } from './support/loki.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

void t.test('TCP with mutual TLS, and only with it', async (t) => {
  const directory = temporaryDirectory(t)
  makeCertificates(directory)
  const read = (name: string): Buffer => readFileSync(join(directory, name))
  const pair = { private_key: read('server.key'), cert_chain: read('server.pem') }
  const credentials = ServerCredentials.createSsl(read('ca.pem'), [pair], true)
  const daemon = await startDaemon('localhost:0', { credentials })
  t.teardown(daemon.stop)
  daemon.append(wireAlert())
  const flags = (ca: string, name: string): string[] => [
    ...['--falco', daemon.target, '--state-dir', ':temporary:'],
    ...['--falco-tls-ca', join(directory, `${ca}.pem`)],
    ...['--falco-tls-cert', join(directory, `${name}.pem`)],
    ...['--falco-tls-key', join(directory, `${name}.key`)],
  ]
  const trusted = await runExporter(t, flags('ca', 'client'))
  await until('counted', async () => sumOf(await trusted.metrics(), 'falco_events') === 1)

  const falco = await startFalco('localhost:0', credentials)
  t.teardown(falco.stop)
  falco.queue.push(wireAlert())
  const both = await runExporter(t, [...flags('ca', 'client'), '--falco', falco.target])
  await until('a Falco, too', async () => sumOf(await both.metrics(), 'falco_events') === 2)

  for (const [ca, name] of [
    ['ca', 'other'],
    ['stranger', 'client'],
  ] as const) {
    const refused = await runExporter(t, flags(ca, name))
    await until('told why', () => refused.log().includes('daemon is away'))
    const why = ca === 'stranger' ? /is --falco-tls-ca its authority/ : /does it accept our cert/
    t.match(refused.log(), why)
    t.equal((await refused.get('/readyz')).status, 503)
    t.equal(sumOf(await refused.metrics(), 'falco_events'), 0)
  }

  const mixed = flags('ca', 'client')
  mixed[mixed.indexOf(join(directory, 'client.key'))] = join(directory, 'server.key')
  const ended = await runToEnd(['--listen', '127.0.0.1:0', ...mixed])
  t.match(ended.stderr, /^peregrine: --falco-tls-key: .* is not usable \(.*\)/)
  t.equal(ended.code, 1)
})

void t.test('certificates that expire while running', async (t) => {
  const directory = temporaryDirectory(t)
  const clock = createClock(directory)
  if (!clock.isSettable) {
    t.pass('libfaketime is not installed')
    return
  }
  makeCertificates(directory)
  const read = (name: string): Buffer => readFileSync(join(directory, name))
  const path = (name: string): string => join(directory, name)
  const pair = { private_key: read('server.key'), cert_chain: read('server.pem') }
  const credentials = ServerCredentials.createSsl(read('ca.pem'), [pair], true)
  const daemon = await startDaemon('localhost:0', { credentials })
  t.teardown(daemon.stop)
  const loki = await startLoki(0, undefined, { key: read('server.key'), cert: read('server.pem') })
  t.teardown(loki.close)
  writeFileSync(
    path('web.yml'),
    'tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n',
  )
  const files = (side: string): string[] => [
    ...[`--${side}-tls-ca`, path('ca.pem'), `--${side}-tls-cert`, path('client.pem')],
    ...[`--${side}-tls-key`, path('client.key')],
  ]
  const ways = ['--falco', daemon.target, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const tls = [...files('falco'), ...files('loki'), '--web-config-file', path('web.yml')]
  const environment = { ...clock.environment, NODE_EXTRA_CA_CERTS: path('ca.pem') }
  const exporter = await runExporter(t, [...ways, ...tls], environment)
  // The test's own clock is right, so that it may still look.
  const agent = new Agent({ connect: { ca: read('ca.pem'), servername: 'localhost' } })
  t.teardown(() => agent.destroy())
  const metrics = async (): Promise<string> =>
    (await request(`${exporter.address}/metrics`, { dispatcher: agent })).body.text()
  daemon.append(wireAlert({ output: 'before' }))
  await until('shipped', () => loki.entries.length === 1)
  t.match(exporter.log(), /certificate ends within a week/)

  const examine = async (): Promise<string> =>
    (await runToEnd(['doctor', ...ways, ...tls], environment)).stdout
  t.match(await examine(), /ok {4}certificate --loki-tls-cert: valid until .*within a week: renew/)

  clock.set(3 * 86_400)
  const expired = (setting: string): RegExp =>
    new RegExp(`"setting":"${setting}".*certificate has expired: renew the file, then send SIGHUP`)
  for (const setting of ['--falco-tls-cert', '--loki-tls-cert', '--web-config-file']) {
    await until(setting, () => expired(setting).test(exporter.log()))
  }
  const notAfter = 'peregrine_certificate_not_after_timestamp_seconds'
  t.match(await examine(), /wrong certificate --loki-tls-cert: expired at .*renew the file/)
  t.match(await examine(), /wrong daemon .*the daemon's certificate has expired/)
  const page = await metrics()
  t.ok(sumOf(page, notAfter, '--web-config-file') < sumOf(page, 'peregrine_time_seconds'))
  daemon.cut()
  daemon.append(wireAlert({ output: 'meanwhile' }))
  await until('it says why', () => exporter.log().includes("daemon's certificate has expired"))
  t.equal(sumOf(await metrics(), 'falco_events'), 1)

  // As if there were new ones.
  clock.set(0)
  await until('counted and shipped, once', async () => {
    return sumOf(await metrics(), 'falco_events') === 2 && loki.entries.length === 2
  })
})
