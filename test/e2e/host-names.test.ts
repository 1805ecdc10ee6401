/** Names of hosts in rules are looked up in the background, and compared by address. */
import { createServer } from 'node:net'
import t from 'tap'
import { until } from '../exporter/support/exporter.js'
import { deed, startDaemon, writeRules, type Test } from './support/daemon.js'

async function listen(t: Test): Promise<number> {
  const server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen({ host: '0.0.0.0', port: 0 }, resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

void t.test('a connection is known by a name that a rule compares with', async (t) => {
  const port = await listen(t)
  const connected = `evt.type = connect and fd.sport = ${String(port)}`
  const output = '%fd.sip is called %fd.sip.name'
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Named',
        condition: `${connected} and fd.sip.name in (localhost, nobody.invalid)`,
        output,
      },
      { rule: 'Other', condition: `${connected} and fd.sip.name != localhost`, output },
    ],
  })
  await until('the names looked up', () =>
    daemon.log().includes('names of hosts in rules looked up'),
  )
  deed('connect', '4', '127.0.0.2', String(port))
  deed('connect', '4', '127.0.0.1', String(port))
  const named = await daemon.alert('Named', (alert) => alert.rule === 'Named')
  const other = await daemon.alert('Other', (alert) => alert.rule === 'Other')
  t.match(named.output, '127.0.0.1 is called localhost')
  t.equal(named.output_fields['fd.sip.name'], 'localhost')
  t.match(other.output, '127.0.0.2 is called <NA>')
  t.equal(other.output_fields['fd.sip.name'], null)
  t.equal(daemon.alerts().length, 2, 'each connection makes one alert')
  t.notMatch(daemon.log(), /WARN|ERROR/)
})

void t.test('rules that a reload brings are the first to have names looked up', async (t) => {
  const port = await listen(t)
  const connected = `evt.type = connect and fd.sport = ${String(port)}`
  const daemon = await startDaemon(t, {
    rules: [{ rule: 'Before', condition: connected, output: '%fd.sip.name' }],
  })
  deed('connect', '4', '127.0.0.1', String(port))
  const before = await daemon.alert('Before', ({ rule }) => rule === 'Before')
  t.equal(before.output_fields['fd.sip.name'], null, 'no rule compares with a name')
  t.notMatch(daemon.log(), 'names of hosts', 'so none is looked up')
  writeRules(daemon.directory, [
    { rule: 'Named', condition: `${connected} and fd.sip.name = localhost` },
  ])
  process.kill(daemon.pid, 'SIGHUP')
  await until('the names looked up', () =>
    daemon.log().includes('names of hosts in rules looked up'),
  )
  deed('connect', '4', '127.0.0.1', String(port))
  await daemon.alert('Named', ({ rule }) => rule === 'Named')
  t.notMatch(daemon.log(), /WARN|ERROR/)
})
