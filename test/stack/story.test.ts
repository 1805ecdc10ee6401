import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { fill, queries } from './support/dashboards.js'
import { startEngine } from './support/engine.js'
import { makeNodeRoot, makeRuntimeRoot, makeRustRoot, makeServerRoot } from './support/roots.js'
import { at, list, text } from './support/values.js'

const RULE = 'Story told'
/** Generous, for a machine that is busy with other things. */
const LIMIT_MILLISECONDS = 120_000
const METRICS = 'http://127.0.0.1:9376/metrics'
const PROMETHEUS = 'http://127.0.0.1:9090/api/v1'
const NOTIFICATIONS = 'http://127.0.0.1:9377/notifications'

/** Panels that must show the one detection of the story, by the value that they show. */
const SHOWING: Readonly<Record<string, number>> = {
  'overview: Emergency, Alert, Critical': 1,
  'overview: Who watches': 1,
  'health: Daemons connected': 1,
  'health: Daemons away': 0,
}

void t.test('docker compose up, a deed in a container, and the notification', async (t) => {
  const directory = temporaryDirectory(t)
  const rules = join(directory, 'rules.d')
  mkdirSync(rules)
  const rule = {
    rule: RULE,
    desc: 'for the story',
    condition: 'evt.type = execve and container.id != host and proc.args contains pgr-story',
    output: '%container.id %proc.cmdline',
    priority: 'CRITICAL',
    tags: ['story'],
  }
  writeFileSync(join(rules, 'story.yaml'), `- ${JSON.stringify(rule)}\n`)

  const engine = await startEngine(t, {
    PEREGRINE_RULES_DIR: rules,
    NODE_NAME: 'story-node',
    BASE_IMAGE: 'root:runtime',
    PEREGRINED_BUILD_IMAGE: 'root:rust',
    PEREGRINE_BUILD_IMAGE: 'root:node',
    PROMETHEUS_IMAGE: 'root:prometheus',
    ALERTMANAGER_IMAGE: 'root:alertmanager',
    PEREGRINE_LOKI_URL: '',
  })
  const imageOf = (name: string, make: (root: string) => void, ...changes: string[]): void => {
    const root = join(directory, name)
    make(root)
    engine.image(`root:${name}`, root, ...changes)
  }
  imageOf('runtime', makeRuntimeRoot)
  imageOf('rust', makeRustRoot)
  imageOf('node', makeNodeRoot)
  const servers = { prometheus: 'promtool', alertmanager: 'amtool' }
  for (const [name, tool] of Object.entries(servers)) {
    const make = (root: string): void => {
      makeServerRoot(root, name, tool)
    }
    imageOf(name, make, `ENTRYPOINT ["/bin/${name}"]`, 'USER 65534')
  }
  engine.compose('build', 'peregrined', 'peregrine')
  engine.compose('up', '--detach', '--no-build', 'prometheus')

  const deed = (): void => {
    const args = ['--rm', '--network=none', '--name=story-shop', 'root:runtime']
    engine.docker('run', ...args, '/bin/true', 'pgr-story')
  }
  const counted = (): number => {
    const page = engine.get(METRICS)
    return page === undefined ? 0 : sumOf(page, 'falco_events', `rule="${RULE}"`)
  }
  const ask = (query: string): readonly unknown[] | undefined => {
    const answer = engine.get(`${PROMETHEUS}/query?query=${encodeURIComponent(query)}`)
    return answer === undefined ? undefined : list(at(JSON.parse(answer), 'data', 'result'))
  }
  const told = (): readonly unknown[] => {
    const all: unknown = JSON.parse(engine.get(NOTIFICATIONS) ?? '[]')
    return list(all).filter((one) => at(one, 'labels', 'rule') === RULE)
  }
  const seen = `falco_events{rule="${RULE}"}`

  await t.test('the first deed is counted, and told at the webhook', async (t) => {
    await until('Prometheus scrapes', () => (ask('up == 1')?.length ?? 0) > 0, LIMIT_MILLISECONDS)
    deed()
    await until('counted', () => counted() === 1, LIMIT_MILLISECONDS)
    await until('notified', () => told().length > 0, LIMIT_MILLISECONDS)
    const labels = at(told()[0], 'labels')
    t.equal(at(labels, 'alertname'), 'PeregrineDetectionCritical')
    t.equal(at(labels, 'hostname'), 'story-node')
    t.equal(at(labels, 'k8s_pod_name'), 'story-shop', 'the container is named, by its engine')
    t.match(text(at(told()[0], 'annotations', 'summary')), 'Story told on')
  })

  await t.test('the deed of the README is counted by the built-in rules', async (t) => {
    engine.docker('run', '--rm', '--network=none', 'root:runtime', 'cat', '/etc/shadow')
    const isCounted = (): boolean => {
      const page = engine.get(METRICS) ?? ''
      return sumOf(page, 'falco_events', 'rule="Read sensitive file untrusted"') > 0
    }
    await until('counted', isCounted, LIMIT_MILLISECONDS)
    t.pass('counted')
  })

  await t.test('every panel asks what Prometheus can answer', async (t) => {
    await until(
      'one event increases',
      () => {
        return (ask(`increase(${seen}[5m]) > 0`)?.length ?? 0) > 0
      },
      LIMIT_MILLISECONDS,
    )
    for (const { where, refId, language, expr } of queries()) {
      if (language !== 'promql') continue
      const narrowed = fill(expr, '1h', '5m').replaceAll('rule=~".*"', `rule="${RULE}"`)
      const result = ask(narrowed)
      t.ok(result !== undefined, `${where} ${refId}`)
      const expected = SHOWING[where]
      if (expected !== undefined) t.equal(valueOf(result), expected, where)
    }
    t.equal(valueOf(ask(fillFor('overview: Rules', 'A'))), 1, 'Rules counts it')
    t.equal(valueOf(ask(fillFor('overview: Rules that were silent before this range', 'A'))), 1)
    t.ok((ask(fillFor('overview: Detections by priority', 'A')) ?? []).length > 0)
    t.ok((ask(fillFor('investigate: What happened where', 'B')) ?? []).length > 0, 'last seen')
  })

  await t.test('an upgrade of both neither loses nor repeats', async (t) => {
    deed()
    await until('counted', () => counted() === 2, LIMIT_MILLISECONDS)
    engine.compose('up', '--detach', '--no-build', '--force-recreate', '--no-deps', 'peregrined')
    engine.compose('up', '--detach', '--no-build', '--force-recreate', 'peregrine')
    const ready = 'http://127.0.0.1:9376/readyz'
    await until('both are back', () => engine.get(ready) !== undefined, LIMIT_MILLISECONDS)
    t.equal(counted(), 2)
    deed()
    await until('counted', () => counted() >= 3, LIMIT_MILLISECONDS)
    t.equal(counted(), 3)
    t.equal(told().length, 1, 'one notification, however often the rule fires')
  })

  await t.test('down -v leaves nothing', (t) => {
    engine.compose('down', '--volumes')
    t.equal(engine.docker('ps', '-aq'), '')
    t.equal(engine.docker('volume', 'ls', '-q'), '')
    t.notMatch(engine.docker('network', 'ls'), 'peregrine')
    t.end()
  })
})

/** The query of a panel, for the story's rule alone. */
function fillFor(where: string, refId: string): string {
  const query = queries().find((one) => one.where === where && one.refId === refId)
  if (query === undefined) throw new Error(`no panel ${where}`)
  return fill(query.expr, '1h', '5m').replaceAll('rule=~".*"', `rule="${RULE}"`)
}

/** Of a single number. */
function valueOf(result: readonly unknown[] | undefined): number {
  return Number(at(result?.[0], 'value', 1))
}
