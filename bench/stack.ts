/**
 * How long from `docker compose up`, with the images there, to the first alert on the dashboard?
 * The panel is asked as Grafana asks it: its query, from the generated JSON, at Prometheus.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import { fill, queries } from '../test/stack/support/dashboards.js'
import { startEngine, type Engine, type Teardown } from '../test/stack/support/engine.js'
import { hasPodmanNetworks, startPodman } from '../test/stack/support/podman.js'
import { IMAGES, makeImages, METRICS, PROMETHEUS, writeRule } from '../test/stack/support/stack.js'
import { at } from '../test/stack/support/values.js'
import { printTable, quantile, withTeardown } from './support.js'

const ROUNDS = Number(process.argv[2] ?? 3)
const RULE = 'Bench of the stack'
const PANEL = 'overview: Emergency, Alert, Critical'
const DEED_EVERY_MILLISECONDS = 100
const LIMIT_MILLISECONDS = 180_000

interface Times {
  /** The exporter has counted the first alert. */
  readonly counted: number
  /** Prometheus answers. */
  readonly answers: number
  /** The panel shows it. */
  readonly shown: number
  /** Compose gave the terminal back. */
  readonly returned: number
}

/** Rounds on a fresh set of volumes each. */
async function measure(
  bench: Teardown,
  start: (settings: Readonly<Record<string, string>>) => Promise<Engine>,
): Promise<readonly Times[]> {
  const directory = temporaryDirectory(bench)
  const rules = writeRule(directory, {
    rule: RULE,
    desc: 'for the bench',
    condition: 'evt.type = execve and proc.args = pgr-bench-stack',
    output: '%proc.cmdline',
    priority: 'CRITICAL',
  })
  const engine = await start({
    ...IMAGES,
    PEREGRINE_RULES_DIR: rules,
    PEREGRINE_LOKI_URL: '',
    COMPOSE_PROFILES: 'stack',
  })
  makeImages(directory, engine.image)
  engine.compose('build', 'peregrined', 'peregrine')
  const all: Times[] = []
  for (let round = 0; round < ROUNDS; round++) {
    all.push(await once(engine))
    engine.compose('down', '--volumes')
  }
  return all
}

async function once(engine: Engine): Promise<Times> {
  const query = panelQuery()
  const deeds = setInterval(
    () => spawn('/bin/true', ['pgr-bench-stack'], { stdio: 'ignore' }),
    DEED_EVERY_MILLISECONDS,
  )
  const begun = performance.now()
  const passed = (): number => (performance.now() - begun) / 1000
  let returned = 0
  const up = engine.composeAsync('up', '--detach', '--no-build', 'prometheus').then(() => {
    returned = passed()
  })
  // A failure is told below, where it is awaited.
  up.catch(() => undefined)
  let counted = 0
  let answers = 0
  let shown = 0
  while (shown === 0 && passed() * 1000 < LIMIT_MILLISECONDS) {
    if (counted === 0 && engine.get(METRICS)?.includes(`rule="${RULE}"`) === true)
      counted = passed()
    const answer = engine.get(`${PROMETHEUS}/query?query=${encodeURIComponent(query)}`)
    if (answer !== undefined && answers === 0) answers = passed()
    if (answer !== undefined && valueOf(answer) >= 1) shown = passed()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  clearInterval(deeds)
  await up
  if (shown === 0) throw new Error(`the panel shows nothing after ${LIMIT_MILLISECONDS} ms`)
  return { counted, answers, shown, returned }
}

/** For the bench's rule alone, over the hour that the dashboard opens with. */
function panelQuery(): string {
  const query = queries().find(({ where }) => where === PANEL)
  if (query === undefined) throw new Error(`no panel ${PANEL}`)
  return fill(query.expr).replaceAll('rule=~".*"', `rule="${RULE}"`)
}

function valueOf(answer: string): number {
  return Number(at(JSON.parse(answer), 'data', 'result', 0, 'value', 1) ?? 0)
}

interface Way {
  readonly name: string
  readonly start: (bench: Teardown, settings: Readonly<Record<string, string>>) => Promise<Engine>
  /** What it takes and is not here. */
  readonly missing?: string
}

const noPodman = hasPodmanNetworks() ? {} : { missing: 'no netavark and aardvark-dns here' }
const noPodmanCompose = isInPath('podman-compose')
  ? noPodman
  : { missing: 'no podman-compose here' }
const WAYS: readonly Way[] = [
  { name: 'Docker', start: startEngine },
  { name: 'Podman, by Docker Compose', start: startPodman, ...noPodman },
  {
    name: 'Podman, by podman-compose',
    start: (bench, settings) => startPodman(bench, settings, 'podman-compose'),
    ...noPodmanCompose,
  },
]

function isInPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)))
}

process.stdout.write(
  '## How long from `docker compose up` to the first alert on the dashboard?\n\n',
)
process.stdout.write(
  `${ROUNDS} times from the images alone, with fresh volumes; a deed every ` +
    `${DEED_EVERY_MILLISECONDS} ms; the query of the panel “${PANEL.split(': ')[1] ?? ''}”, at ` +
    'Prometheus. Without Grafana and Loki, which no registry gives here; Prometheus and ' +
    "Alertmanager are Debian's.\n\n",
)
const rows: (readonly (string | number)[])[] = []
const chosen = process.argv[3] ?? ''
for (const { name, start, missing } of WAYS.filter(({ name }) => name.includes(chosen))) {
  if (missing !== undefined) {
    rows.push([name, `not measured: ${missing}`, '', '', '', ''])
    continue
  }
  await withTeardown(async (bench) => {
    const all = await measure(bench, (settings) => start(bench, settings))
    const median = (of: (times: Times) => number): string => quantile(all.map(of)).toFixed(1)
    rows.push([
      name,
      median(({ counted }) => counted),
      median(({ answers }) => answers),
      median(({ shown }) => shown),
      Math.max(...all.map(({ shown }) => shown)).toFixed(1),
      median(({ returned }) => returned),
    ])
  })
}
printTable(
  ['Engine', 'counted, s', 'Prometheus answers, s', 'shown, s', 'most, s', '`up` returns, s'],
  rows,
)
