import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { until } from './support/exporter.js'

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url))

void t.test('the receiver shows what Alertmanager notifies', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'receiver', '--listen', '127.0.0.1:0'])
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  let lines = ''
  child.stderr.on('data', (part: Buffer) => (log += part.toString()))
  child.stdout.on('data', (part: Buffer) => (lines += part.toString()))
  const addressOf = (): string => /receiver at (http:\S+)/.exec(log)?.[1] ?? ''
  await until('up', () => addressOf() !== '')
  const post = async (body: string): Promise<number> => {
    return (await fetch(`${addressOf()}/webhook`, { method: 'POST', body })).status
  }
  const alert = {
    status: 'firing',
    labels: { alertname: 'FalcoEvent', rule: '<b>bold</b>' },
    annotations: { summary: 'Secret read' },
    startsAt: '2026-01-01T00:00:00Z',
    endsAt: '0001-01-01T00:00:00Z',
  }
  t.equal(await post(JSON.stringify({ version: '4', alerts: [alert, 7] })), 200)
  t.equal(await post('no json'), 400)
  t.equal(await post('{"alerts": 1}'), 400)
  await until('logged', () => lines.includes('"alertname":"FalcoEvent"'))
  const page = await (await fetch(`${addressOf()}/`)).text()
  t.match(page, '&lt;b&gt;bold&lt;/b&gt;')
  t.notMatch(page, '<b>bold')
  t.match(await (await fetch(`${addressOf()}/notifications`)).json(), [{}, { status: 'firing' }])
})
