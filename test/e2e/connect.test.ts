import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, startDaemon, type Test } from './support/daemon.js'

const OUTPUT =
  '%fd.name %fd.typechar %fd.type %fd.sip %fd.sport %fd.cip %fd.l4proto %evt.res %proc.name'

async function listen(
  t: Test,
  where: { path: string } | { host: string; port: 0 },
): Promise<number> {
  const server: Server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(where, resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

for (const { family, host, type } of [
  { family: '4', host: '127.0.0.1', type: 'ipv4' },
  { family: '6', host: '::1', type: 'ipv6' },
]) {
  void t.test(`a connection over IPv${family} has both ends`, async (t) => {
    const port = await listen(t, { host, port: 0 })
    const daemon = await startDaemon(t, {
      rules: [
        {
          rule: 'Connected',
          condition: `evt.type = connect and fd.typechar = ${family} and fd.sport = ${port}`,
          output: OUTPUT,
        },
      ],
    })
    deed('connect', family, host, String(port))
    const { output_fields: fields } = await daemon.alert('Connected', () => true)
    t.match(fields, {
      'fd.typechar': family,
      'fd.type': type,
      'fd.sip': host,
      'fd.cip': host,
      'fd.sport': port,
      'fd.l4proto': 'tcp',
      'evt.res': 'SUCCESS',
      'proc.name': 'connect',
    })
    t.ok(String(fields['fd.name']).startsWith(`${host}:`))
    t.ok(String(fields['fd.name']).endsWith(`->${host}:${port}`))
  })
}

for (const host of ['127.0.0.1', '::1']) {
  void t.test(
    `who called whom is known of a connection older than the daemon: ${host}`,
    async (t) => {
      const accepted = new Promise<Socket>((resolve) => {
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          server.close()
          resolve(socket)
        })
        server.listen({ host, port: 0 }, () => {
          const address = server.address()
          const port = typeof address === 'object' ? (address?.port ?? 0) : 0
          // The client's port is the lower one, as of many an old program and of some malicious ones.
          client = connect({
            host,
            port,
            localPort: 1024 + (process.pid % 20_000),
            allowHalfOpen: true,
          })
        })
      })
      let client: Socket | undefined
      const server = await accepted
      const [serverPort, clientPort] = [server.localPort ?? 0, server.remotePort ?? 0]
      t.ok(serverPort > clientPort, 'ports alone would tell the opposite')
      const daemon = await startDaemon(t, {
        rules: [
          {
            rule: 'Older',
            condition: `evt.type = shutdown and fd.port = ${serverPort}`,
            output: '%fd.lport %fd.rport %fd.cport %fd.sport %fd.name',
          },
        ],
      })
      client?.end()
      server.end()
      for (const own of [serverPort, clientPort]) {
        const { output_fields: fields } = await daemon.alert(
          `end ${own}`,
          (alert) => alert.output_fields['fd.lport'] === own,
        )
        t.match(fields, { 'fd.cport': clientPort, 'fd.sport': serverPort })
      }
    },
  )
}

void t.test('a refused connection is told with the address that was asked for', async (t) => {
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Refused',
        condition:
          'evt.type = connect and evt.res = ECONNREFUSED and evt.arg.addr = "127.0.0.1:1"' +
          ' and proc.name = connect',
        output: '%evt.arg.addr %evt.rawres %fd.typechar',
      },
    ],
  })
  deed('connect', '4', '127.0.0.1', '1')
  const { output_fields: fields } = await daemon.alert('Refused', () => true)
  t.match(fields, { 'evt.rawres': -111, 'fd.typechar': '4' })
})

void t.test('a connection to a unix socket has its path', async (t) => {
  const path = join(temporaryDirectory(t), 'socket')
  await listen(t, { path })
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Unix',
        condition: `evt.type = connect and fd.typechar = u and fd.name contains "${path}"`,
        output: OUTPUT,
      },
    ],
  })
  deed('connect', 'unix', path, '0')
  const { output_fields: fields } = await daemon.alert('Unix', () => true)
  t.match(fields, { 'fd.typechar': 'u', 'fd.type': 'unix', 'evt.res': 'SUCCESS' })
})
