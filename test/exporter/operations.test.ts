import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash } from 'bcryptjs'
import { Agent, request } from 'undici'
import t from 'tap'
import { makeCertificates } from './support/certificates.js'
import { startEnds } from './support/ends.js'
import { runExporter, runToEnd, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

void t.test('a probe without curl', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const exporter = await runExporter(t, ['--falco', socket, '--state-dir', ':temporary:'])
  const listen = ['--listen', exporter.address.replace('http://', '')]
  t.same(await runToEnd([...listen, '--healthcheck']), { code: 0, stdout: '', stderr: '' })
  await exporter.stop()
  const dead = await runToEnd([...listen, '--healthcheck'])
  t.equal(dead.code, 1)
  t.match(dead.stderr, 'ECONNREFUSED')
})

void t.test('the doctor says what is wrong and what to do', async (t) => {
  const { directory, socket, loki } = await startEnds(t)
  loki.usual = { status: 200 }
  const state = ['--state-dir', join(directory, 'state')]
  const well = await runToEnd(['doctor', '--falco', socket, ...state, '--loki-url', loki.url])
  t.equal(well.code, 0, well.stdout + well.stderr)
  t.match(well.stdout, 'answers: peregrined 0.1.0 on node-a')
  t.match(well.stdout, /ok {4}Loki http.*: answers/)

  loki.usual = { status: 401, text: 'no org id' }
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const away = ['--falco', `unix://${join(directory, 'none.sock')}`]
  const wrong = await runToEnd([
    'doctor',
    ...away,
    ...['--state-dir', join(file, 'state'), '--loki-url', loki.url],
    ...['--alertmanager-url', 'http://127.0.0.1:9'],
  ])
  t.equal(wrong.code, 1)
  t.match(wrong.stdout, /wrong daemon .*none\.sock: no socket at .*is the daemon running/)
  t.match(wrong.stdout, /wrong state directory .*give another --state-dir/)
  t.match(wrong.stdout, /wrong Loki .*answered 401 no org id: give --loki-user/)
  t.match(wrong.stdout, /wrong Alertmanager http:\/\/127\.0\.0\.1:9.*ECONNREFUSED/)
})

void t.test('SIGHUP takes over what can change, and keeps what was if it is wrong', async (t) => {
  const directory = temporaryDirectory(t)
  const sockets = ['a', 'b'].map((name) => `unix://${join(directory, `${name}.sock`)}`)
  const [first = '', second = ''] = sockets
  for (const [index, socket] of sockets.entries()) {
    const daemon = await startDaemon(socket.replace('unix://', 'unix:'), { streamId: `${index}` })
    t.teardown(daemon.stop)
    daemon.append(wireAlert({ rule: `Rule of ${index}` }), wireAlert({ rule: 'Noise' }))
  }
  const config = join(directory, 'config.yaml')
  const write = (...lines: readonly string[]): void => {
    writeFileSync(config, `state-dir: ":temporary:"\nlisten: 127.0.0.1:0\n${lines.join('\n')}\n`)
  }
  write(`falco: ${first}`)
  const exporter = await runExporter(t, ['--config', config, '--listen', '127.0.0.1:0'])
  await until('counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)

  write(`falco: [${first}, ${second}]`, 'series-filter: rule!=Noise', 'series-budget: 7')
  exporter.reload()
  await until('the second daemon', async () => {
    return sumOf(await exporter.metrics(), 'falco_events') === 3
  })
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_alerts_filtered_total'), 1)
  t.equal(sumOf(page, 'peregrine_config_reloads_total', 'succeeded'), 1)
  t.match(exporter.log(), /"restartNeededFor":\["seriesBudget"\]/)

  write('falcoo: x')
  exporter.reload()
  await until('refused', () => exporter.log().includes('did you mean falco?'))
  t.equal(sumOf(await exporter.metrics(), 'peregrine_config_reloads_total', 'failed'), 1)
  t.equal(sumOf(await exporter.metrics(), 'peregrine_subscribe_connected'), 2)

  write(`falco: ${second}`)
  exporter.reload()
  await until('the first is left', async () => {
    return sumOf(await exporter.metrics(), 'peregrine_subscribe_connected') === 1
  })
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 3)
})

void t.test('what a reload cannot turn on is named', async (t) => {
  const directory = temporaryDirectory(t)
  const at = (name: string): string => join(directory, name)
  makeCertificates(directory)
  const tls = ['tls_server_config:', '  cert_file: server.pem', '  key_file: server.key']
  writeFileSync(at('web.yml'), tls.join('\n'))
  const config = ['listen: 127.0.0.1:0', 'intake-listen: 127.0.0.1:0', 'falco: none']
  const intake = [`intake-tls-cert: ${at('server.pem')}`, `intake-tls-key: ${at('server.key')}`]
  const all = [
    ...config,
    ...intake,
    'state-dir: ":temporary:"',
    `web-config-file: ${at('web.yml')}`,
  ]
  writeFileSync(at('config.yaml'), all.join('\n'))
  const exporter = await runExporter(t, ['--config', at('config.yaml'), '--listen', '127.0.0.1:0'])
  exporter.reload()
  await until('reloaded', () => exporter.log().includes('"restartNeededFor":[]'))

  writeFileSync(at('web.yml'), [...tls, '  client_ca_file: ca.pem'].join('\n'))
  const client = `intake-tls-client-ca: ${at('ca.pem')}`
  writeFileSync(at('config.yaml'), [...all, client].join('\n'))
  exporter.reload()
  await until('said', () =>
    exporter.log().includes('"restartNeededFor":["intake","webConfigFile"]'),
  )
})

void t.test('a stop does not wait for who hangs', async (t) => {
  const { directory, socket, daemon, loki } = await startEnds(t)
  const late = { milliseconds: 600_000, stores: 'at_the_end' as const }
  loki.usual = { status: 204, late }
  const state = ['--state-dir', join(directory, 'state')]
  const targets = ['--loki-url', loki.url, '--alertmanager-url', loki.url]
  const args = ['--falco', socket, ...state, ...targets]
  const exporter = await runExporter(t, args)
  const time = { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 }
  daemon.append(wireAlert({ priority: 1, time }))
  await until('both hang', () => loki.pushes.length >= 2)
  t.equal(await exporter.stop(), 0)
  t.match(exporter.log(), /"msg":"stopped"/)

  loki.usual = { status: 204 }
  await runExporter(t, args)
  await until('nothing is lost', () => loki.entries.length === 1)
})

void t.test("TLS and users by Prometheus' own file", async (t) => {
  const directory = temporaryDirectory(t)
  const at = (name: string): string => join(directory, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const make = (): void => {
    const files = ['-keyout', at('web.key'), '-out', at('web.pem'), '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...key, ...files, '-subj', '/CN=web'], {
      stdio: 'ignore',
    })
  }
  make()
  const lines = ['tls_server_config:', '  cert_file: web.pem', '  key_file: web.key']
  const users = ['basic_auth_users:', `  ann: ${await hash('secret', 4)}`]
  writeFileSync(at('web.yml'), [...lines, ...users, ''].join('\n'))
  const socket = `unix:${at('daemon.sock')}`
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--web-config-file', at('web.yml')]
  const exporter = await runExporter(t, args)
  t.match(exporter.address, /^https:/)
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  t.teardown(() => dispatcher.destroy())
  const ask = async (path: string, login?: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(login ?? '').toString('base64')}`
    const headers: Record<string, string> = login === undefined ? {} : { authorization }
    const answer = await request(exporter.address + path, { dispatcher, headers })
    await answer.body.text()
    return answer.statusCode
  }
  t.equal(await ask('/metrics'), 401)
  t.equal(await ask('/'), 401)
  t.equal(await ask('/alerts'), 401)
  t.equal(await ask('/metrics', 'ann:wrong'), 401)
  t.equal(await ask('/metrics', 'bob:secret'), 401)
  t.equal(await ask('/metrics', 'ann:secret'), 200)
  t.equal(await ask('/metrics', 'ann:secret'), 200)
  t.equal(await ask('/healthz'), 200, 'a probe has no password')
  const listen = ['--listen', exporter.address.replace('https://', '')]
  const check = await runToEnd([...listen, '--web-config-file', at('web.yml'), '--healthcheck'])
  t.equal(check.code, 0, check.stderr)

  writeFileSync(at('web.yml'), [...lines, 'basic_auth_users:', '  ann: plain', ''].join('\n'))
  exporter.reload()
  await until('refused', () => exporter.log().includes('is no bcrypt hash'))
  t.equal(await ask('/metrics', 'ann:secret'), 200, 'the old users stay')
})

void t.test('each mistake in the web configuration has its line', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'web.yml')
  const cases: readonly (readonly [text: string, expected: RegExp])[] = [
    ['tls_server_config:\n  cert: x\n', /web\.yml:2:3: unknown key cert: known are cert_file/],
    ['basic_auth: {}\n', /web\.yml:1:1: unknown key basic_auth/],
    ['tls_server_config: {cert_file: none.pem, key_file: none.key}\n', /ENOENT/],
    ['tls_server_config: {key_file: x}\n', /tls_server_config needs cert_file/],
  ]
  for (const [text, expected] of cases) {
    writeFileSync(path, text)
    const args = ['--web-config-file', path, '--state-dir', ':temporary:']
    const { code, stderr } = await runToEnd([...args, '--listen', '127.0.0.1:0'])
    t.equal(code, 1)
    t.match(stderr, expected)
  }
})

const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) =>
  /^v(?:1\d|20)\./.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout),
)

void t.test('an old Node says so in one line', { skip: old === undefined }, (t) => {
  const main = new URL('../../src/main.js', import.meta.url).pathname
  const { status, stderr } = spawnSync(old ?? '', [main, '--version'], { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stderr, /^peregrine: Node v\d+\.\d+\.\d+ is too old, >=22\.19 is needed: .*\n$/)
  t.end()
})
