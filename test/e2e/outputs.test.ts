import { execFileSync, spawnSync } from 'node:child_process'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { renameSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import {
  deed,
  runDaemonToEnd,
  startDaemon,
  type RunningDaemon,
  type Test,
} from './support/daemon.js'

const MARKED = {
  rule: 'Marked',
  condition: 'evt.type = execve and evt.rawres = 0 and proc.args contains pgr-output',
  output: '%proc.cmdline',
  tags: ['output'],
}

interface Posted {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

void t.test('a falco.yaml sends alerts by HTTP and to a file', async (t) => {
  const posted: Posted[] = []
  // Busy at first: the alert has to be sent again.
  const answers = [503]
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      posted.push({ headers: request.headers, body })
      response.writeHead(answers.shift() ?? 200).end()
    })
  })
  const port = await listen(t, server)
  const directory = temporaryDirectory(t)
  const file = join(directory, 'alerts.json')
  const config = join(directory, 'falco.yaml')
  writeFileSync(
    config,
    [
      'json_output: true',
      'json_include_tags_property: false',
      'http_output:',
      '  enabled: true',
      `  url: http://127.0.0.1:${port}/`,
      '  user_agent: falcosecurity/falco',
      'file_output:',
      '  enabled: true',
      `  filename: ${file}`,
      'append_output:',
      '  - match: {tags: [output]}',
      '    extra_fields: [proc.pid, {team: blue}]',
      'program_output: {enabled: true, program: mail}',
      'jsn_output: true',
    ].join('\n'),
  )
  const daemon = await startDaemon(t, { rules: [MARKED], args: ['-c', config] })
  t.match(daemon.log(), /falco\.yaml:14:\d+: jsn_output: .* did you mean `json_output`/)
  t.match(daemon.log(), /program_output: not offered/)

  deed('calls', 'none', 'pgr-output-1')
  await until('posted twice', () => posted.length === 2)
  const [first, second] = posted
  t.equal(first?.body, second?.body, 'sent again as it was')
  t.match(second?.headers, {
    'content-type': 'application/json',
    'user-agent': 'falcosecurity/falco',
  })
  const alert: unknown = JSON.parse(second?.body ?? '')
  t.match(alert, { rule: 'Marked', output_fields: { team: 'blue', 'proc.pid': Number } })
  t.notMatch(alert, { tags: [] })

  await until('in the file', () => readFileSync(file, 'utf8').includes('pgr-output-1'))
  renameSync(file, `${file}.1`)
  process.kill(daemon.pid, 'SIGUSR1')
  await until('the file is there again', () => {
    deed('calls', 'none', 'pgr-output-2')
    try {
      return readFileSync(file, 'utf8').includes('pgr-output-2')
    } catch {
      return false
    }
  })
})

void t.test('what the server answers is printed if asked for', async (t) => {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('thanks for that'))
  })
  const port = await listen(t, server)
  const options = ['enabled=true', `url=http://127.0.0.1:${String(port)}/`, 'echo=true']
  const daemon = await startDaemon(t, {
    rules: [MARKED],
    stdout: 'off',
    args: options.flatMap((option) => ['-o', `http_output.${option}`]),
  })
  deed('calls', 'none', 'pgr-output-3')
  await until('the answer', () => daemon.lines().length > 0)
  t.same(daemon.lines(), ['thanks for that'])
})

void t.test(
  'alerts go over TLS to who has the right certificate, with one of our own',
  async (t) => {
    const directory = temporaryDirectory(t)
    const at = (name: string): string => join(directory, name)
    const openssl = (...args: readonly string[]): void => {
      execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
    }
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    for (const [name, ca] of [
      ['server', 'ca'],
      ['client', 'ca'],
      ['other', 'stranger'],
    ] as const) {
      const ofCa = ['-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.pem`]
      if (name !== 'client') openssl('req', '-x509', ...ec, '-days', '2', ...ofCa)
      const alt = ['-addext', 'subjectAltName=IP:127.0.0.1', '-subj', `/CN=${name}`]
      openssl('req', ...ec, ...alt, '-keyout', `${name}.key`, '-out', `${name}.csr`)
      const signer = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial']
      const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-copy_extensions', 'copy']
      openssl('x509', '-req', ...files, ...signer, '-days', '2')
    }
    const bodies: string[] = []
    const tls = {
      cert: readFileSync(at('server.pem')),
      key: readFileSync(at('server.key')),
      ca: readFileSync(at('ca.pem')),
      requestCert: true,
      rejectUnauthorized: true,
    }
    const server = createSecureServer(tls, (request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (part: string) => (body += part))
      request.on('end', () => {
        bodies.push(`${String(request.headers['x-who'])} ${body}`)
        response.end()
      })
    })
    let failures = 0
    server.on('tlsClientError', () => (failures += 1))
    const url = `https://127.0.0.1:${String(await listen(t, server))}/`
    const post = (who: string, ca: string, client: string): Promise<RunningDaemon> => {
      const options = {
        ...{ enabled: 'true', url, ca_cert: at(`${ca}.pem`), 'headers[]': `X-Who: ${who}` },
        ...{ mtls: 'true', client_cert: at(`${client}.pem`), client_key: at(`${client}.key`) },
      }
      const flags = Object.entries(options).map(([key, value]) => `http_output.${key}=${value}`)
      const args = [...flags, 'json_output=true'].flatMap((flag) => ['-o', flag])
      return startDaemon(t, { rules: [MARKED], args })
    }
    await post('known', 'ca', 'client')
    const refused = await Promise.all([
      post('distrusting', 'stranger', 'client'),
      post('distrusted', 'ca', 'other'),
    ])
    deed('calls', 'none', 'pgr-output-4')
    await until('posted and refused', () => bodies.length > 0 && failures > 3)
    t.match(bodies[0], /^known .*"rule":"Marked"/)
    for (const daemon of refused) {
      await daemon.stop() // which tells at once what it would try again for a minute
      t.match(daemon.log(), /certificate/i)
    }
    t.equal(bodies.length, 1, 'nobody else got through')
  },
)

void t.test('bytes are printed as base64 if asked for', async (t) => {
  const written = 'pgr-\u0001bytes'
  const rule = {
    rule: 'Written',
    condition: 'evt.type = write and evt.buffer contains pgr- and proc.name = printf',
    output: '%evt.buffer %evt.arg.data',
  }
  const daemonWith = (...args: string[]): Promise<RunningDaemon> =>
    startDaemon(t, { rules: [rule], args: ['--all-events', ...args] })
  const daemons = await Promise.all([
    daemonWith(),
    daemonWith('-b'),
    daemonWith('-o', 'buffer_format_base64=true'),
  ])
  spawnSync('printf', [written])
  const base64 = Buffer.from(written).toString('base64')
  for (const [index, text] of ['pgr-.bytes', base64, base64].entries()) {
    const alert = await daemons[index]?.alert('written', ({ rule }) => rule === 'Written')
    t.equal(alert?.output_fields['evt.buffer'], text)
    t.equal(alert?.output_fields['evt.arg.data'], text)
  }
})

void t.test('a configuration with an error is refused with its place', async (t) => {
  const config = join(temporaryDirectory(t), 'falco.yaml')
  writeFileSync(config, 'json_output: perhaps\n')
  const { code, stderr } = await runDaemonToEnd(t, ['-c', config])
  t.equal(code, 1)
  t.match(stderr, `${config}:1:14: json_output: write true or false, not \`perhaps\``)
})

void t.test('a dry run loads everything and starts nothing', async (t) => {
  const { code, stdout } = await runDaemonToEnd(t, ['--dry-run', '-o', 'priority=warning'])
  t.equal(code, 0)
  t.match(stdout, 'dry run')
})
