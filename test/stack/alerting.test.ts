import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../src/config/settings.js'
import { toNotification } from '../../src/notify/notification.js'
import { alertOf } from '../unit/support.js'
import { ROOT, run, tryRun } from './support/run.js'
import { at, list, readYaml, text } from './support/values.js'

const RULES = 'alerting/prometheus/peregrine.rules.yml'
const TESTS = 'alerting/prometheus/tests'

void t.test('promtool: rules are well formed, and do what their tests say', (t) => {
  t.match(run('promtool', ['check', 'rules', RULES]), /SUCCESS/)
  const files = readdirSync(join(ROOT, TESTS)).map((name) => join(TESTS, name))
  const { code, stdout, stderr } = tryRun('promtool', ['test', 'rules', ...files])
  t.equal(code, 0, stdout + stderr)
  t.end()
})

void t.test('every alert is told with all that one needs, and tested', (t) => {
  const tested = readdirSync(join(ROOT, TESTS))
    .map((name) => JSON.stringify(readYaml(join(TESTS, name))))
    .join('')
  for (const path of [RULES, 'alerting/loki/peregrine.rules.yml']) {
    for (const rule of list(at(readYaml(path), 'groups')).flatMap((one) =>
      list(at(one, 'rules')),
    )) {
      const name = text(at(rule, 'alert'))
      t.match(text(at(rule, 'labels', 'severity')), /^(critical|error|warning|info)$/, name)
      for (const annotation of ['summary', 'description', 'dashboard']) {
        t.ok(text(at(rule, 'annotations', annotation)) !== '', `${name}: ${annotation}`)
      }
      const runbook = text(at(rule, 'annotations', 'runbook'))
      t.ok(existsSync(join(ROOT, runbook)), `${name}: ${runbook}`)
      t.ok(tested.includes(name), `${name} has a promtool test`)
    }
  }
  t.end()
})

void t.test('every runbook belongs to an alert', (t) => {
  const rules = JSON.stringify(readYaml(RULES))
  for (const name of readdirSync(join(ROOT, 'docs/runbooks'))) {
    t.ok(rules.includes(`docs/runbooks/${name}`), name)
  }
  t.end()
})

void t.test('amtool takes the configurations and sends alerts to their receivers', (t) => {
  const example = 'alerting/alertmanager/examples/slack-and-email.yml'
  for (const path of ['alerting/alertmanager/alertmanager.yml', example]) {
    t.match(run('amtool', ['check-config', path]), /SUCCESS/)
  }
  const route = (...labels: string[]): string => {
    const args = ['config', 'routes', 'test', `--config.file=${example}`, ...labels]
    return run('amtool', args).trim()
  }
  t.equal(route('severity=critical'), 'mail,chat')
  t.equal(route('severity=warning'), 'chat')
  t.end()
})

/** While the direct alert lasts, it inhibits the rule's; what outlasts it is told a second time. */
void t.test('an alert that was sent directly outlasts the one of the rules', (t) => {
  const resolve = SETTINGS.find(({ name }) => name === 'alertmanager-resolve')?.default
  const minutes = Number(/^(\d+)m$/.exec(resolve ?? '')?.[1])
  const rule = at(readYaml(RULES), 'groups', 0, 'rules', 0)
  const seconds = Number(/> time\(\) - (\d+)/.exec(text(at(rule, 'expr')))?.[1])
  const kept = Number(/^(\d+)m$/.exec(text(at(rule, 'keep_firing_for')))?.[1])
  t.ok(minutes > seconds / 60 + kept, `${minutes} > ${seconds / 60} + ${kept} minutes`)
  t.end()
})

void t.test('the direct way has the severities of the rules', (t) => {
  const rules = list(at(readYaml(RULES), 'groups', 0, 'rules'))
  for (const priority of [0, 1, 2, 3, 4, 5] as const) {
    const rule = rules.find((one) => {
      const asked = /priority=~?"([^"]+)"/.exec(text(at(one, 'expr')))?.[1] ?? ''
      return new RegExp(`^${asked}$`).test(String(priority))
    })
    const { labels } = toNotification(alertOf({ priority }), undefined)
    t.equal(labels.severity, at(rule, 'labels', 'severity'), String(priority))
  }
  t.end()
})

void t.test('a notification says what, where, since when, and where to look', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'peregrine-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  const labels = {
    alertname: 'PeregrineDetectionCritical',
    severity: 'critical',
    rule: 'Drop & "run"',
    hostname: 'node-a',
    k8s_ns_name: 'shop',
    k8s_pod_name: 'cart-1',
  }
  const annotations = {
    summary: 'Drop on shop/cart-1, node-a',
    description: 'The rule fired',
    field_proc_cmdline: 'sh -c <script>',
    dashboard: '/d/peregrine-investigate?var-pod=cart-1',
    runbook: 'docs/runbooks/PeregrineDetection.md',
  }
  const alert = { status: 'firing', labels, annotations, startsAt: '2026-01-02T03:04:05Z' }
  const data = { status: 'firing', alerts: [alert, alert], commonLabels: labels, groupLabels: {} }
  const file = join(directory, 'data.json')
  writeFileSync(file, JSON.stringify(data))
  const render = (name: string, type = 'text'): string => {
    const glob = '--template.glob=alerting/alertmanager/templates/*.tmpl'
    const what = `--template.text={{ template "peregrine.${name}" . }}`
    const args = ['template', 'render', glob, `--template.type=${type}`, what]
    return run('amtool', [...args, `--template.data=${file}`])
  }
  t.equal(render('title'), '[CRITICAL] Drop on shop/cart-1, node-a (and 1 more)')
  const told = render('text')
  t.match(told, 'What: The rule fired')
  t.match(told, 'Where: node-a, pod shop/cart-1')
  t.match(told, 'Since: 2026-01-02 03:04:05 UTC')
  t.match(told, 'Command: sh -c <script>')
  t.match(told, 'http://localhost:3000/d/peregrine-investigate?var-pod=cart-1')
  t.match(told, 'Runbook: docs/runbooks/PeregrineDetection.md')
  const explore = /Log lines: (\S+)/.exec(told)?.[1] ?? ''
  const panes: unknown = JSON.parse(new URL(explore).searchParams.get('panes') ?? '')
  t.equal(
    at(panes, 'a', 'queries', 0, 'expr'),
    '{service_name="falco"} | rule="Drop & \\"run\\"" | k8s_pod_name="cart-1"',
    'quotes in a name break neither the address nor the query',
  )
  t.match(render('html', 'html'), 'sh -c &lt;script&gt;')

  // What the exporter sent by itself has no annotations for the way on.
  const direct = { ...alert, annotations: { summary: 'Drop', description: 'The rule fired' } }
  writeFileSync(file, JSON.stringify({ ...data, alerts: [direct] }))
  const link = '/d/peregrine-investigate?var-rule=Drop+%26+%22run%22&var-node=node-a&var-pod=cart-1'
  t.match(render('text'), `Dashboard: http://localhost:3000${link}\n`)
  t.match(render('text'), 'Runbook: docs/runbooks/PeregrineDetection.md')
  t.equal(render('dashboard'), `http://localhost:3000${link}`)
  t.end()
})
