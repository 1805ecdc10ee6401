/** One exporter and many daemons: names with several addresses, folders of sockets, one that hangs. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import t from 'tap'
import { makeCertificates } from './support/certificates.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { serve, wireAlert } from './support/services.js'

void t.test('each address of a name is a daemon, as they come and go', async (t) => {
  const directory = temporaryDirectory(t)
  const path = (name: string): string => join(directory, name)
  makeCertificates(directory, 'daemons.test')
  const read = (name: string): Buffer => readFileSync(path(name))
  const pair = { private_key: read('server.key'), cert_chain: read('server.pem') }
  const credentials = ServerCredentials.createSsl(read('ca.pem'), [pair], true)
  const first = await startDaemon('127.0.0.1:0', { credentials, streamId: 'one' })
  t.teardown(first.stop)
  const port = first.target.split(':').at(-1) ?? ''
  const second = await startDaemon(`127.0.0.2:${port}`, { credentials, streamId: 'two' })
  t.teardown(second.stop)
  first.append(wireAlert())
  second.append(wireAlert(), wireAlert())

  writeFileSync(path('addresses'), '127.0.0.1')
  const tls = ['--falco-tls-ca', path('ca.pem'), '--falco-tls-cert', path('client.pem')]
  const name = ['--falco', `dns:daemons.test:${port}`, '--falco-tls-key', path('client.key')]
  const preload = new URL('support/dns-preload.js', import.meta.url).href
  const environment = { NODE_OPTIONS: `--import=${preload}`, TEST_ADDRESSES: path('addresses') }
  const args = [...name, ...tls, '--state-dir', ':temporary:']
  const exporter = await runExporter(t, args, environment)
  const page = (): Promise<string> => exporter.metrics()
  const addresses = (...all: readonly string[]): void => {
    writeFileSync(path('addresses'), all.join('\n'))
    // It looks again by itself; not to wait for that.
    exporter.reload()
  }
  await until('the first', async () => sumOf(await page(), 'falco_events') === 1)

  addresses('127.0.0.1', '127.0.0.2')
  await until('the second', async () => sumOf(await page(), 'falco_events') === 3)
  t.equal(sumOf(await page(), 'peregrine_subscribe_connected'), 2)

  addresses()
  const notReady = async (): Promise<boolean> => {
    const answer = await exporter.get('/readyz')
    return (await answer.text()).includes('cannot look up dns:daemons.test')
  }
  await until('the name has nothing, and that is said', notReady)
  t.equal(sumOf(await page(), 'peregrine_subscribe_connected'), 2, 'who is there stays')

  addresses('127.0.0.2')
  await until('the first is left', async () => {
    return sumOf(await page(), 'peregrine_subscribe_connected') === 1
  })
  second.append(wireAlert())
  await until('the second goes on', async () => sumOf(await page(), 'falco_events') === 4)
})

void t.test('sockets in a directory come and go', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'file.sock'), 'no socket')
  const args = ['--falco', `dir://${directory}`, '--state-dir', ':temporary:']
  const daemon = await startDaemon(`unix:${join(directory, 'one.sock')}`, { streamId: 'one' })
  t.teardown(daemon.stop)
  daemon.append(wireAlert())
  const exporter = await runExporter(t, args)
  await until('one', async () => sumOf(await exporter.metrics(), 'falco_events') === 1)
  const other = await startDaemon(`unix:${join(directory, 'two.sock')}`, { streamId: 'two' })
  t.teardown(other.stop)
  other.append(wireAlert())
  exporter.reload()
  await until('two', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)
  daemon.stop()
  rmSync(join(directory, 'one.sock'), { force: true })
  exporter.reload()
  await until('one is left', async () => {
    return !(await exporter.metrics()).includes('one.sock')
  })
  t.equal((await exporter.get('/readyz')).status, 200, 'a daemon that was taken away is not missed')
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 2, 'what it told stays')
})

void t.test('a daemon that hangs delays no other', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = (name: string): string => `unix:${join(directory, name)}`
  const silent = { Subscribe: () => undefined, Status: () => undefined }
  const { server } = await serve({ 'peregrine.alerts.v1.Alerts': silent }, socket('hangs'))
  t.teardown(() => {
    server.forceShutdown()
  })
  const daemon = await startDaemon(socket('answers'))
  t.teardown(daemon.stop)
  const daemons = ['hangs', 'answers'].flatMap((name) => ['--falco', socket(name)])
  const exporter = await runExporter(t, [...daemons, '--state-dir', ':temporary:'])
  for (let count = 1; count <= 5; count++) {
    daemon.append(wireAlert())
    await until(`${count}`, async () => sumOf(await exporter.metrics(), 'falco_events') === count)
  }
  const readiness = await exporter.get('/readyz')
  t.equal(readiness.status, 503)
  t.match(await readiness.text(), /hangs: not connected yet/)
  t.equal(sumOf(await exporter.metrics(), 'peregrine_subscribe_connected'), 1)
})
