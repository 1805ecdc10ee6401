import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { COMPOSE, ROOT, tryRun } from './support/run.js'
import { at, isFields, list, readYaml, text } from './support/values.js'

/** What Compose itself makes of the file, for some settings. */
function config(environment: Readonly<Record<string, string>> = {}): unknown {
  const { code, stdout, stderr } = tryRun(COMPOSE, ['config', '--format', 'json'], environment)
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

function services(from: unknown): readonly string[] {
  const all = at(from, 'services')
  return isFields(all) ? Object.keys(all).sort() : []
}

const EVERYTHING = [
  'alertmanager',
  'grafana',
  'loki',
  'peregrine',
  'peregrined',
  'prometheus',
  'receiver',
]

void t.test('profiles: everything, without Loki, only ours', (t) => {
  t.same(services(config()), EVERYTHING, 'as it is cloned')
  t.same(
    services(config({ COMPOSE_PROFILES: 'stack' })),
    EVERYTHING.filter((name) => name !== 'loki'),
  )
  t.same(services(config({ COMPOSE_PROFILES: 'ours' })), ['peregrine', 'peregrined', 'scrape'])
  t.end()
})

void t.test('without .env, the daemon and the exporter are left', (t) => {
  const { code, stdout, stderr } = tryRun(COMPOSE, [
    '--env-file',
    '/dev/null',
    'config',
    '--services',
  ])
  t.equal(code, 0, stderr)
  t.same(stdout.trim().split('\n').sort(), ['peregrine', 'peregrined'])
  t.equal(stderr, '', 'no setting is missing')
  t.end()
})

void t.test('every service: pinned, read-only, without capabilities, watched, bounded', (t) => {
  const all = config()
  for (const name of services(all)) {
    const service = at(all, 'services', name)
    t.match(
      text(at(service, 'image')),
      /:(local|v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?)$/,
      `${name} has a version`,
    )
    t.equal(at(service, 'read_only'), true, `${name}: read-only root`)
    t.same(at(service, 'cap_drop'), ['ALL'], `${name}: capabilities dropped`)
    t.ok(at(service, 'mem_limit') !== undefined, `${name}: memory`)
    t.ok(at(service, 'privileged') === undefined, `${name} is not privileged`)
    t.ok(at(service, 'healthcheck', 'test') !== undefined, `${name}: health`)
    for (const port of list(at(service, 'ports'))) {
      t.equal(at(port, 'host_ip'), '127.0.0.1', `${name} is not seen from outside`)
    }
  }
  const added = services(all).filter((name) => at(all, 'services', name, 'cap_add') !== undefined)
  t.same(added, ['peregrined'], 'only the daemon gets any back')
  t.end()
})

void t.test('Grafana has panels of log lines only where there is a Loki', (t) => {
  const mounted = (url: string): string =>
    JSON.stringify(at(config({ PEREGRINE_LOKI_URL: url }), 'services', 'grafana', 'volumes'))
  t.notMatch(mounted('http://loki:3100'), 'without-loki')
  t.equal(mounted('').match(/without-loki\/(datasources|overview|investigate|health)/g)?.length, 4)
  const other = config({ PEREGRINE_LOKI_URL: 'http://mine:3100', PEREGRINE_LOKI_TENANT: 'a' })
  for (const name of ['PEREGRINE_LOKI_URL', 'PEREGRINE_LOKI_TENANT']) {
    const written = at(other, 'services', 'peregrine', 'environment', name)
    const asked = at(other, 'services', 'grafana', 'environment', name.replace('PEREGRINE_', ''))
    t.equal(asked, written, 'Grafana asks the Loki that is written to')
  }
  t.end()
})

void t.test('every setting in .env does something, and shows its default', (t) => {
  const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
  const settings = readFileSync(join(ROOT, '.env'), 'utf8').matchAll(/^(#?)([A-Z_]+)=(.*)$/gm)
  for (const [, comment, name = '', value = ''] of settings) {
    if (name === 'COMPOSE_PROFILES') continue
    const found = new RegExp(`\\$\\{${name}:?-([^}]*)\\}`).exec(compose)
    t.ok(found !== null, `${name} is used`)
    const isOther = name.startsWith('PEREGRINED_CAPABILITY_')
    if (comment === '#' && !isOther) t.equal(value, found?.[1], name)
  }
  for (const [, name] of compose.matchAll(/\$\{([A-Z_]+)/g)) {
    t.match(readFileSync(join(ROOT, '.env'), 'utf8'), `${name}=`, `${name} is explained`)
  }
  t.end()
})

void t.test('images are pinned by digest where a registry answers, and by nothing else', (t) => {
  const files = [
    ...['docker-compose.yml', '.env', 'scripts/images.sh', 'scripts/common.sh'],
    ...['deploy/docker/exporter.Dockerfile', 'deploy/docker/peregrined.Dockerfile'],
  ]
  const folder = t.testdir()
  for (const path of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(ROOT, path), join(folder, path))
  }
  const answer = (digest: string): void => {
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\necho ${digest}\n`, { mode: 0o755 })
  }
  const pin = (...args: readonly string[]): { code: number | null; stderr: string } =>
    tryRun('bash', [join(folder, 'scripts/images.sh'), ...args], {
      PATH: `${folder}:${process.env.PATH ?? ''}`,
    })
  const texts = (): string => files.map((path) => readFileSync(join(folder, path), 'utf8')).join()
  const images = (): readonly string[] => texts().match(/docker\.io\/[\w/-]+:[\w.:@-]+/g) ?? []

  const before = texts()
  answer('')
  t.match(pin(), { code: 1, stderr: 'no registry answers' })
  t.equal(texts(), before, 'nothing is changed')

  const [first, second] = ['a', 'b'].map((letter) => `sha256:${letter.repeat(64)}`)
  answer(first ?? '')
  t.match(pin('--check'), { code: 1, stderr: 'not pinned' })
  t.equal(pin().code, 0)
  t.ok(images().length > 10)
  for (const image of images()) t.ok(image.endsWith(`@${first ?? ''}`), image)
  t.equal(pin('--check').code, 0)

  answer(second ?? '')
  t.match(pin('--check'), { code: 1 }, 'the tag is another image by now')
  t.equal(pin().code, 0)
  for (const image of images()) t.ok(image.endsWith(`@${second ?? ''}`), image)
  t.equal(texts().replaceAll(`@${second ?? ''}`, ''), before, 'and nothing else is changed')
  t.end()
})

void t.test('every file that is mounted is there', (t) => {
  const all = config()
  for (const name of services(all)) {
    for (const volume of list(at(all, 'services', name, 'volumes'))) {
      const source = text(at(volume, 'source'))
      if (!source.startsWith(ROOT)) continue
      t.ok(existsSync(source), source)
    }
  }
  t.end()
})

void t.test('prometheus and its rules are what Prometheus takes', (t) => {
  const { code, stderr, stdout } = tryRun('promtool', [
    ...['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml'],
  ])
  t.equal(code, 0, stderr + stdout)
  const snippet = at(readYaml('deploy/prometheus/scrape.yml'), 0, 'static_configs', 0, 'targets')
  t.same(snippet, ['127.0.0.1:9376'])
  t.end()
})

void t.test('the daemon is built by the Rust that it asks for', (t) => {
  const version = /^rust-version = "([\d.]+)"/m.exec(read('native/Cargo.toml'))?.[1] ?? ''
  for (const path of ['deploy/docker/peregrined.Dockerfile', 'docker-compose.yml', '.env']) {
    t.match(read(path), `docker.io/library/rust:${version}-bookworm`, path)
  }
  t.end()
})

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}
