import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { until } from './support/exporter.js'

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url))

void t.test('the receiver shows what Alertmanager notifies', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'receiver', '--listen', '127.0.0.1:0'], {
    env: { PATH: process.env.PATH, PEREGRINE_GRAFANA_URL: 'http://grafana:3000/sub/' },
  })
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
    labels: { alertname: 'FalcoEvent', rule: '<b>bold</b>', k8s_pod_name: 'cart-1' },
    annotations: {
      summary: 'Secret read',
      field_proc_cmdline: 'cat <secret>',
      dashboard: '/d/peregrine-investigate?var-pod=cart-1&var-rule=a',
      runbook: 'docs/runbooks/PeregrineDetection.md',
    },
    startsAt: '2026-01-01T00:00:00Z',
    endsAt: '0001-01-01T00:00:00Z',
  }
  t.equal(await post(JSON.stringify({ version: '4', alerts: [alert, 7] })), 200)
  const forged = { ...alert, annotations: { dashboard: 'javascript:alert(1)' } }
  t.equal(await post(JSON.stringify({ version: '4', alerts: [forged] })), 200)
  t.equal(await post('no json'), 400)
  t.equal(await post('{"alerts": 1}'), 400)
  await until('logged', () => lines.includes('"alertname":"FalcoEvent"'))
  const page = await (await fetch(`${addressOf()}/`)).text()
  t.match(page, '&lt;b&gt;bold&lt;/b&gt;')
  t.notMatch(page, '<b>bold')
  t.match(page, 'firing since 2026-01-01T00:00:00Z')
  t.match(page, 'Command: cat &lt;secret&gt;')
  t.match(page, 'docs/runbooks/PeregrineDetection.md')
  const dashboard = 'http://grafana:3000/sub/d/peregrine-investigate?var-pod=cart-1&amp;var-rule=a'
  t.match(page, `<a href="${dashboard}">Dashboard</a>`)
  const explore = /href="([^"]+)">Log lines/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''
  t.match(new URL(explore).pathname, '/sub/explore')
  t.match(new URL(explore).searchParams.get('panes'), String.raw`k8s_pod_name=\"cart-1\"`)
  t.notMatch(page, 'javascript:')
  t.match(await (await fetch(`${addressOf()}/notifications`)).json(), [
    {},
    {},
    { status: 'firing' },
  ])
})
