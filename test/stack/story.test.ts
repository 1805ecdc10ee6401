import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { documented } from '../support/documented.js'
import { fill, queries } from './support/dashboards.js'
import { startEngine } from './support/engine.js'
import { IMAGES, makeImages, METRICS, PROMETHEUS, writeRule } from './support/stack.js'
import { leftOf, standing, tracesOf } from './support/traces.js'
import { at, list, text } from './support/values.js'

const RULE = 'Story told'
/** Generous, for a machine that is busy with other things. */
const LIMIT_MILLISECONDS = 120_000
const NOTIFICATIONS = 'http://127.0.0.1:9377/notifications'

/** Panels that must show the one detection of the story, by the value that they show. */
const SHOWING: Readonly<Record<string, number>> = {
  'overview: Emergency, Alert, Critical': 1,
  'overview: Who watches': 1,
  'health: Daemons connected': 1,
  'health: Daemons away': 0,
}

/** Panels that have nothing to show, since there is no Loki here. */
const OF_LOKI = /\bLoki\b|Log lines/

void t.test('docker compose up, a deed in a container, and the notification', async (t) => {
  const directory = temporaryDirectory(t)
  const rules = writeRule(directory, {
    rule: RULE,
    desc: 'for the story',
    condition: 'evt.type = execve and container.id != host and proc.args contains pgr-story',
    output: '%container.id %proc.cmdline',
    priority: 'CRITICAL',
    tags: ['story'],
  })

  const engine = await startEngine(t, {
    ...IMAGES,
    PEREGRINE_RULES_DIR: rules,
    NODE_NAME: 'story-node',
    PEREGRINE_LOKI_URL: '',
  })
  makeImages(directory, engine.image)
  engine.compose('build', 'peregrined', 'peregrine')
  const before = standing(engine)

  await t.test('the images hold little beside what they are built on', (t) => {
    const size = (image: string): number =>
      Number(engine.docker('image', 'inspect', '--format={{.Size}}', image)) / 2 ** 20
    const added = (image: string): number => size(image) - size(IMAGES.BASE_IMAGE)
    const [daemon, exporter] = [added(IMAGES.PEREGRINED_IMAGE), added(IMAGES.PEREGRINE_IMAGE)]
    t.ok(daemon > 0 && daemon < 40, `the daemon: ${daemon.toFixed(0)} MiB`)
    // Node alone is 121.
    t.ok(exporter > 0 && exporter < 180, `the exporter: ${exporter.toFixed(0)} MiB`)
    t.end()
  })

  await t.test('a port that is taken is named', (t) => {
    const taken = engine.listen(9376)
    try {
      const up = composed(documented('README.md', 'docker compose up'))
      const first = ['--detach', '--no-build', 'peregrine']
      t.throws(() => engine.compose(...up, ...first), /9376.*in use/s)
    } finally {
      taken()
      engine.compose('down', '--volumes')
    }
    t.end()
  })

  await t.test('what keeps the daemon from starting is on the first screen', async (t) => {
    const up = composed(documented('README.md', 'docker compose up'))
    const says = async (
      settings: Readonly<Record<string, string>>,
      ...expected: readonly (RegExp | string)[]
    ): Promise<void> => {
      const { stderr } = engine.tryCompose(settings, ...up, '--detach', '--no-build', 'peregrined')
      // What `up` goes on to print where it keeps the terminal.
      const screen = (): string => stderr + engine.compose('logs', '--no-color', 'peregrined')
      const isSaid = (): boolean => expected.every((part) => screen().search(part) >= 0)
      await until(JSON.stringify(settings), isSaid).catch(() => undefined)
      for (const part of expected) t.match(screen(), part)
      engine.compose('down', '--volumes')
    }
    // In the place of those that load and attach.
    const none = { PEREGRINED_CAPABILITY_LOAD: 'CHOWN', PEREGRINED_CAPABILITY_ATTACH: 'CHOWN' }
    await says(none, /missing: rights: lacks CAP_BPF and CAP_PERFMON/, /fix: .*cap_add/)
    await says({ PEREGRINED_PRIORITY: 'loud' }, /'loud' for '--priority/, 'write one of emergency')
    await says({ CONTAINER_RUNTIME: 'dockr' }, /dockr=\S+ names no runtime socket: write docker=/)
    const nowhere = join(directory, 'no-such')
    await says({ PEREGRINE_RULES_DIR: nowhere }, nowhere)
    await says({ CONTAINER_SOCKET: nowhere }, nowhere)
    t.notOk(existsSync(nowhere), 'and no empty folder is made in its place')
    await says({ PEREGRINED_SECCOMP: nowhere }, nowhere)
    await says({ PEREGRINED_MEMORY: 'much' }, 'much')
  })

  const up = composed(documented('docs/install.md', 'docker compose up --detach'))
  engine.compose(...up, '--no-build', 'prometheus')

  const deed = (): void => {
    const args = ['--rm', '--network=none', '--name=story-shop', IMAGES.BASE_IMAGE]
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

  await t.test('every service says that it is well', async (t) => {
    const states = (): string => engine.docker('ps', '-a', '--format', '{{.Names}} {{.Status}}')
    const isWell = (): boolean =>
      states()
        .split('\n')
        .every((state) => state.endsWith('(healthy)'))
    await until('all are healthy', isWell, LIMIT_MILLISECONDS).catch(() => undefined)
    t.equal(states().match(/\(healthy\)/g)?.length, 5, states())
    t.end()
  })

  await t.test('the deed of the README is counted by the built-in rules', async (t) => {
    documented('docs/install.md', 'docker run --rm debian:bookworm-slim cat /etc/shadow')
    const [, ...words] = documented(
      'README.md',
      'docker run --rm debian:bookworm-slim cat /etc/shadow',
    ).split(' ')
    // No registry is reachable.
    const here = words.map((word) => (word.startsWith('debian:') ? IMAGES.BASE_IMAGE : word))
    engine.docker(...here)
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
    const empty: string[] = []
    for (const { where, refId, language, expr } of queries()) {
      if (language !== 'promql') continue
      const narrowed = fill(expr, '1h', '5m').replaceAll('rule=~".*"', `rule="${RULE}"`)
      const result = ask(narrowed)
      t.ok(result !== undefined, `${where} ${refId}`)
      if (result?.length === 0 && !OF_LOKI.test(where)) empty.push(where)
      const expected = SHOWING[where]
      if (expected !== undefined) t.equal(valueOf(result), expected, where)
    }
    t.same(empty, [], 'all show something')
    t.equal(valueOf(ask(fillFor('overview: Rules', 'A'))), 1, 'Rules counts it')
    t.equal(valueOf(ask(fillFor('overview: Rules that were silent before this range', 'A'))), 1)
    t.ok((ask(fillFor('overview: Detections by priority', 'A')) ?? []).length > 0)
    t.ok((ask(fillFor('investigate: What happened where', 'B')) ?? []).length > 0, 'last seen')
  })

  await t.test('an upgrade of both neither loses nor repeats', async (t) => {
    deed()
    await until('counted', () => counted() === 2, LIMIT_MILLISECONDS)
    t.equal(told().length, 1, 'one notification, however often the rule fires')
    const typed = documented('docs/operations.md', 'git pull && docker compose up --detach --build')
    const images = (): string => engine.docker('ps', '--format={{.Names}} {{.Image}} {{.ID}}')
    const ran = images()
    // What the images are built on has changed, as after `git pull` the sources.
    writeFileSync(join(directory, 'runtime/etc/changed'), '')
    engine.image(IMAGES.BASE_IMAGE, join(directory, 'runtime'))
    engine.compose(...composed(typed.replace('git pull && ', '')), 'prometheus')
    for (const name of ['peregrine-peregrined-1', 'peregrine-peregrine-1']) {
      const line = new RegExp(`^${name} .*$`, 'm')
      t.not(line.exec(images())?.[0], line.exec(ran)?.[0], `${name} is another container`)
    }
    const ready = 'http://127.0.0.1:9376/readyz'
    await until('both are back', () => engine.get(ready) !== undefined, LIMIT_MILLISECONDS)
    t.equal(counted(), 2)
    deed()
    await until('counted', () => counted() >= 3, LIMIT_MILLISECONDS)
    t.equal(counted(), 3)
    t.same(told(), [], 'the receiver, which is new and keeps nothing, is not told again')
  })

  await t.test('down -v leaves nothing', async (t) => {
    const traces = tracesOf(engine, 'peregrine-peregrined-1')
    t.ok(traces.kernel.length > 10, `it had loaded ${traces.kernel.length} objects`)
    t.ok(traces.volumes.length > 3 && traces.mounts.length > before.mounts.length, 'and mounted')
    t.not(leftOf(traces).length, 0, 'and all of it is found where one looks')
    engine.compose(...composed(documented('docs/install.md', 'docker compose down --volumes')))
    t.equal(engine.docker('ps', '-aq'), '', 'no container')
    t.notMatch(engine.docker('network', 'ls'), 'peregrine', 'no network')
    // The kernel frees programs in the background.
    const isGone = (): boolean => leftOf(traces).length === 0
    await until('nothing is left', isGone, LIMIT_MILLISECONDS).catch(() => undefined)
    t.same(leftOf(traces), [], 'no process, control group, program, map or pin')
    t.same(standing(engine), before, 'volumes, interfaces and mounts are as before')
  })

  await t.test('only ours: it prints what to add to prometheus.yml', (t) => {
    const typed = composed(documented('docs/install.md', 'docker compose up'))
    const only = ['--no-build', '--no-deps', '--exit-code-from', 'scrape', 'scrape']
    t.match(engine.compose('--profile', 'ours', ...typed, ...only), 'job_name: peregrine')
    engine.compose('--profile', 'ours', 'down', '--volumes')
    t.end()
  })
})

/** What Compose is told by the command. */
function composed(command: string): readonly string[] {
  return command.split(' ').slice(2)
}

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
