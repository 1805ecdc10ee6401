/** Which alerts the shipped configuration holds back while others last, by the real Alertmanager. */
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startAlertmanager } from './support/chain.js'
import { at, list } from './support/values.js'

type Labels = Readonly<Record<string, string>>

interface Case {
  readonly name: string
  /** What lasts, and what is held back for it. */
  readonly source: Labels
  readonly target: Labels
  /** The same somewhere else, which is told. */
  readonly told: Labels
}

const PLACE = { rule: 'Drop', hostname: 'a', k8s_ns_name: 'shop', k8s_pod_name: 'cart-1' }
const EXPORTER = { job: 'peregrine', instance: 'a' }

const CASES: readonly Case[] = [
  {
    name: 'the rule, while the direct way tells',
    source: { alertname: 'FalcoEvent', origin: 'peregrine', severity: 'critical', ...PLACE },
    target: { alertname: 'PeregrineDetectionCritical', severity: 'critical', ...PLACE },
    told: {
      alertname: 'PeregrineDetectionCritical',
      severity: 'critical',
      ...PLACE,
      k8s_pod_name: 'cart-2',
    },
  },
  {
    name: 'its daemons, while an exporter is down',
    source: { alertname: 'PeregrineExporterDown', ...EXPORTER },
    target: { alertname: 'PeregrineNotConnected', ...EXPORTER, daemon: 'd' },
    told: { alertname: 'PeregrineNotConnected', ...EXPORTER, instance: 'b', daemon: 'd' },
  },
  {
    name: 'its silence, while a daemon is away',
    source: { alertname: 'PeregrineNotConnected', ...EXPORTER, instance: 'c', daemon: 'd' },
    target: { alertname: 'PeregrineStreamSilent', ...EXPORTER, instance: 'c', daemon: 'd' },
    told: { alertname: 'PeregrineStreamSilent', ...EXPORTER, instance: 'c', daemon: 'e' },
  },
  {
    name: 'that a rule is new, while its detection is told',
    source: { alertname: 'PeregrineDetectionWarning', ...PLACE, rule: 'New' },
    target: { alertname: 'PeregrineRuleNeverSeen', rule: 'New' },
    told: { alertname: 'PeregrineRuleNeverSeen', rule: 'Newer' },
  },
  {
    name: 'notices of a pod, while something critical is told of it',
    source: { alertname: 'PeregrineDetectionCritical', ...PLACE, k8s_pod_name: 'pay-1' },
    target: { alertname: 'PeregrineDetectionNotice', ...PLACE, k8s_pod_name: 'pay-1', rule: 'B' },
    told: { alertname: 'PeregrineDetectionNotice', ...PLACE, k8s_pod_name: 'pay-2', rule: 'B' },
  },
]

void t.test('what one knows already is held back, and nothing else', async (t) => {
  // Nobody listens there: it is asked what it would do.
  const address = `http://${await startAlertmanager(t, temporaryDirectory(t), 9)}/api/v2/alerts`
  const headers = { 'content-type': 'application/json' }
  const all = CASES.flatMap(({ source, target, told }) => [source, target, told])
  const body = JSON.stringify(all.map((labels) => ({ labels })))
  const post = async (): Promise<boolean> =>
    (await fetch(address, { method: 'POST', headers, body }).catch(() => undefined))?.ok === true
  await until('Alertmanager takes the alerts', post)

  let states: readonly unknown[] = []
  const isHeldBack = (labels: Labels): boolean => {
    const isThis = (found: unknown): boolean =>
      Object.entries(labels).every(([name, value]) => at(found, name) === value)
    const state = states.find((one) => isThis(at(one, 'labels')))
    return list(at(state, 'status', 'inhibitedBy')).length > 0
  }
  const isSettled = async (): Promise<boolean> => {
    states = list(await (await fetch(address)).json())
    return CASES.every(({ target }) => isHeldBack(target))
  }
  // An alert is looked at when its group is flushed.
  await until('all are settled', isSettled).catch(() => undefined)
  for (const { name, source, target, told } of CASES) {
    t.ok(isHeldBack(target), name)
    t.notOk(isHeldBack(told), `${name}; elsewhere it is told`)
    t.notOk(isHeldBack(source), `${name}; and what lasts is told itself`)
  }
})
