/**
 * How long from a deed until the notification is at the webhook, by the shipped configuration?
 * Each deed has a rule of its own, so that each is a single first event of a series, and comes at
 * any moment between two scrapes.
 */
import { spawnSync } from 'node:child_process'
import { until } from '../test/exporter/support/exporter.js'
import { marked, PROGRAMS, startChain, type Chain, type Told } from '../test/stack/support/chain.js'
import { printTable, quantile, withTeardown } from './support.js'

const ROUNDS = Number(process.argv[2] ?? 20)
/** No multiple of the interval of scrapes, so that deeds fall on all of its parts. */
const DEED_EVERY_MILLISECONDS = 1_700
const LIMIT_MILLISECONDS = 120_000

interface Way {
  readonly name: string
  readonly mark: string
  /** Alertmanager is told directly of critical alerts, and of no others. */
  readonly priority: string
}

const WAYS: readonly Way[] = [
  { name: 'by a rule of Prometheus', mark: 'pgr-rule', priority: 'ERROR' },
  { name: 'directly', mark: 'pgr-direct', priority: 'CRITICAL' },
]

/** Seconds of each round. */
async function measure(chain: Chain, { mark }: Way): Promise<readonly number[]> {
  const done = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++) {
    const name = `${mark}-${round}`
    done.set(name, Date.now())
    chain.deed(name)
    await new Promise((resolve) => setTimeout(resolve, DEED_EVERY_MILLISECONDS))
  }
  const told = (): readonly Told[] =>
    chain.told().filter(({ labels }) => done.has(labels.rule ?? ''))
  await until('all are told', () => told().length >= ROUNDS, LIMIT_MILLISECONDS)
  if (told().length > ROUNDS) throw new Error(`${told().length} notifications of ${ROUNDS} deeds`)
  return told().map(({ at, labels }) => (at - (done.get(labels.rule ?? '') ?? NaN)) / 1000)
}

function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return /version (\d[\d.]*)/.exec(stdout + stderr)?.[1] ?? 'unknown'
}

process.stdout.write('## How long from a deed to the notification?\n\n')
process.stdout.write(
  `${ROUNDS} deeds each way, one every ${DEED_EVERY_MILLISECONDS} ms, each the first event of its ` +
    'rule; until the webhook has it, by the shipped configuration. ' +
    `Prometheus ${versionOf(PROGRAMS.prometheus)}, Alertmanager ${versionOf(PROGRAMS.alertmanager)}.\n\n`,
)
await withTeardown(async (bench) => {
  const rules = WAYS.flatMap(({ mark, priority }) =>
    Array.from({ length: ROUNDS }, (_, round) => {
      const name = `${mark}-${round}`
      return { rule: name, priority, condition: marked(name) }
    }),
  )
  const chain = await startChain(bench, rules)
  const rows: (readonly (string | number)[])[] = []
  for (const way of WAYS) {
    const all = await measure(chain, way)
    const shown = [Math.min(...all), quantile(all), Math.max(...all)].map((one) => one.toFixed(2))
    rows.push([way.name, ...shown])
  }
  printTable(['Way', 'least, s', 'median, s', 'most, s'], rows)
})
