import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import t from 'tap'
import { runExporter, runToEnd, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

/** An authority, a server and a client certificate, and one of a stranger. */
function makeCertificates(directory: string): void {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
  }
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const ca of ['ca', 'stranger']) {
    const names = ['-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.pem`]
    openssl('req', '-x509', ...ec, '-days', '2', ...names)
  }
  for (const [name, ca] of [
    ['server', 'ca'],
    ['client', 'ca'],
    ['other', 'stranger'],
  ] as const) {
    const alt = ['-addext', 'subjectAltName=DNS:localhost']
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
    openssl('req', ...ec, '-subj', `/CN=${name}`, ...alt, ...request)
    const signer = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial']
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`]
    openssl('x509', '-req', ...files, ...signer, '-days', '2', '-copy_extensions', 'copy')
  }
}

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
