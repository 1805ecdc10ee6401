import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parseNotification, type Notified } from '../../src/receiver/receiver.js'
import { freePort, runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

const SHIPPED = fileURLToPath(new URL('../../../alerting/alertmanager/', import.meta.url))

interface AlertState {
  readonly labels: Readonly<Record<string, string>>
  readonly status: { readonly inhibitedBy: readonly string[] }
}

function isStates(value: unknown): value is readonly AlertState[] {
  return Array.isArray(value)
}

const hasAlertmanager = spawnSync('prometheus-alertmanager', ['--version']).error === undefined

void t.test(
  'the real Alertmanager notifies once of what came directly and by a rule',
  { skip: hasAlertmanager ? false : 'prometheus-alertmanager is not installed' },
  async (t) => {
    const directory = temporaryDirectory(t)
    const notified: Notified[] = []
    const webhook = createServer((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        notified.push(...(parseNotification(body, '') ?? []))
        response.end()
      })
    })
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
    t.teardown(() => webhook.close())
    const bound = webhook.address()
    const hook = bound !== null && typeof bound === 'object' ? bound.port : 0

    // The configuration that we ship, told where to and sooner.
    const shipped = readFileSync(join(SHIPPED, 'alertmanager.yml'), 'utf8')
    const config = shipped
      .replace('http://receiver:9377/', `http://127.0.0.1:${hook}/`)
      .replace('templates/*.tmpl', join(SHIPPED, 'templates/*.tmpl'))
      .replace(/group_wait: .*/, 'group_wait: 0s')
      .replace(/group_interval: .*/, 'group_interval: 1s')
    writeFileSync(join(directory, 'am.yml'), config)
    const address = `http://127.0.0.1:${await freePort()}`
    const alertmanager = spawn(
      'prometheus-alertmanager',
      [
        `--config.file=${join(directory, 'am.yml')}`,
        `--storage.path=${join(directory, 'am')}`,
        `--web.listen-address=${address.replace('http://', '')}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    )
    t.teardown(() => alertmanager.kill('SIGKILL'))

    const socket = `unix:${join(directory, 'daemon.sock')}`
    const daemon = await startDaemon(socket)
    t.teardown(daemon.stop)
    // Sent before anybody is known to listen there: it is tried until it works.
    const args = ['--falco', socket, '--state-dir', ':temporary:', '--alertmanager-url', address]
    const links = ['--grafana-url', 'http://grafana:3000']
    const exporter = await runExporter(t, [...args, ...links, '--alertmanager-resolve', '20s'])
    const seconds = (ago: number): { seconds: string; nanos: number } => ({
      seconds: String(Math.floor(Date.now() / 1000) - ago),
      nanos: 0,
    })
    const urgent = wireAlert({
      time: seconds(0),
      priority: 2,
      rule: 'Secret read',
      output: 'cat /etc/shadow',
    })
    // As a journal tells them to a fresh store.
    daemon.append({ ...urgent, time: seconds(3_700), rule: 'Secret read an hour ago' })
    daemon.append(wireAlert({ priority: 3, rule: 'Not urgent enough' }))

    await until('notified', () => {
      // Again and again, so that it is active however slow the machine is.
      daemon.append(urgent)
      return notified.length > 0
    })
    t.match(notified[0], {
      status: 'firing',
      labels: {
        alertname: 'FalcoEvent',
        rule: 'Secret read',
        priority: 'Critical',
        k8s_pod_name: 'cart-1',
      },
      annotations: { description: 'cat /etc/shadow', field_proc_name: 'curl' },
    })

    const labels = {
      alertname: 'PeregrineDetectionCritical',
      severity: 'critical',
      rule: 'Secret read',
      hostname: 'node-a',
      k8s_ns_name: 'shop',
      k8s_pod_name: 'cart-1',
    }
    await fetch(`${address}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels }]),
    })
    await until('the rule is inhibited by the event', async () => {
      daemon.append(urgent)
      const states: unknown = await (await fetch(`${address}/api/v2/alerts`)).json()
      if (!isStates(states)) return false
      return states.some(
        (state) =>
          state.labels.alertname === labels.alertname && state.status.inhibitedBy.length > 0,
      )
    })
    await until('resolved', () => notified.some(({ status }) => status === 'resolved'), 120_000)
    const firing = notified.filter(({ status }) => status === 'firing')
    const events = firing.filter((alert) => alert.labels.alertname === 'FalcoEvent')
    t.equal(events.length, 1, 'many alerts of one kind are one notification')
    const page = await exporter.metrics()
    t.equal(sumOf(page, 'peregrine_notify_active_alerts'), 1)
    t.equal(sumOf(page, 'peregrine_notify_old_alerts_total'), 1)
    t.equal(sumOf(page, 'peregrine_notify_reachable'), 1)
    t.equal(sumOf(page, 'peregrine_notify_refused_total'), 0)
  },
)
