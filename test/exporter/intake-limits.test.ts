/** The intake's promises: kept once it is answered, told to wait when full, one connection for many. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'

const ONE = JSON.stringify({ rule: 'Posted', priority: 'Error', output: 'x', output_fields: {} })
const HTTP = ['--falco', 'none', '--intake-listen', '127.0.0.1:0']

function addressOf(log: string): string {
  return /"intake":"([^"]+)"/.exec(log)?.[1] ?? ''
}

void t.test('what was answered is there after a kill', async (t) => {
  const args = [...HTTP, '--state-dir', join(temporaryDirectory(t), 'state')]
  let exporter = await runExporter(t, args)
  for (let round = 1; round <= 5; round++) {
    await until('open', () => addressOf(exporter.log()) !== '')
    const url = `http://${addressOf(exporter.log())}/`
    const answer = await fetch(url, { method: 'POST', body: `[${ONE},${ONE}]` })
    t.equal(answer.status, 200)
    await exporter.kill()
    exporter = await runExporter(t, args)
    t.equal(sumOf(await exporter.metrics(), 'falco_events'), 2 * round)
  }
})

void t.test('when full, senders are told to come again, and then may', async (t) => {
  const exporter = await runExporter(t, [...HTTP, '--state-dir', ':temporary:'])
  await until('open', () => addressOf(exporter.log()) !== '')
  const url = `http://${addressOf(exporter.log())}/`
  const { port } = new URL(url)
  const length = 4 * 1024 * 1024
  // Bodies that are announced and do not come.
  const slow = Array.from({ length: 16 }, () => {
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n[`)
    return socket
  })
  t.teardown(() => {
    for (const socket of slow) socket.destroy()
  })
  const waiting = async (): Promise<number> =>
    sumOf(await exporter.metrics(), 'peregrine_intake_waiting_bytes')
  await until('full', async () => (await waiting()) === 16 * length)
  const refused = await fetch(url, { method: 'POST', body: ONE })
  t.equal(refused.status, 503)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.match(await refused.text(), 'full: too many alerts wait')
  t.equal(sumOf(await exporter.metrics(), 'peregrine_intake_requests_total', 'code="503"'), 1)

  for (const socket of slow) socket.destroy()
  await until('room', async () => (await waiting()) === 0)
  t.equal((await fetch(url, { method: 'POST', body: ONE })).status, 200)
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 1)
})

void t.test('one connection serves many requests, also with a wrong one between', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'password'), 'sesame\n')
  const login = ['--intake-user', 'falco', '--intake-password-file', join(directory, 'password')]
  const exporter = await runExporter(t, [...HTTP, ...login, '--state-dir', ':temporary:'])
  await until('open', () => addressOf(exporter.log()) !== '')
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => {
    agent.destroy()
  })
  const connections = new Set<number | undefined>()
  const post = (body: string, password: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const authorization = `Basic ${Buffer.from(`falco:${password}`).toString('base64')}`
      const options = { method: 'POST', agent, headers: { authorization } }
      const sent = httpRequest(
        `http://${addressOf(exporter.log())}/any/path`,
        options,
        (answer) => {
          connections.add(answer.socket.localPort)
          answer.resume()
          answer.on('end', () => {
            resolve(answer.statusCode)
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  for (let number = 0; number < 20; number++) t.equal(await post(ONE, 'sesame'), 200)
  t.equal(await post('no JSON', 'sesame'), 400)
  t.equal(await post(ONE, 'simsim'), 401)
  t.equal(await post(ONE, 'sesame'), 200)
  t.equal(connections.size, 1)
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 21)
  t.notMatch(exporter.log(), 'sesame')
})
