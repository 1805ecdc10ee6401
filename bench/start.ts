/** How long is it from the command to the first possible alert, when everything is built? */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../test/exporter/support/exporter.js'
import { DAEMON, ROOT, writeRules } from '../test/e2e/support/daemon.js'
import { printTable, quantile, withTeardown } from './support.js'

const ROUNDS = 7
const DEED_EVERY_MILLISECONDS = 5

/** Does the deed again and again until its alert is printed. */
async function untilAlert(command: readonly [string, ...string[]]): Promise<number> {
  let milliseconds = 0
  await withTeardown(async (bench) => {
    const directory = temporaryDirectory(bench)
    const [program, ...first] = command
    const rules = writeRules(directory, [
      {
        rule: 'First',
        condition: 'evt.type = execve and proc.args = pgr-bench',
        output: 'first alert',
      },
    ])
    const args = [
      ...['-r', rules, '--rules-dir', join(directory, 'none')],
      ...['--state-dir', join(directory, 'state')],
      ...['--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
    ]
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PEREGRINE_LISTEN: '127.0.0.1:0',
      PEREGRINE_STATE_DIR: join(directory, 'exporter'),
    }
    const begun = performance.now()
    const child = spawn(program, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = new Promise((resolve) => child.once('close', resolve))
    bench.teardown(async () => {
      child.kill('SIGTERM')
      await ended
    })
    const deeds = setInterval(() => spawnSync('/bin/true', ['pgr-bench']), DEED_EVERY_MILLISECONDS)
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      if (milliseconds === 0 && part.includes('first alert'))
        milliseconds = performance.now() - begun
    })
    await until('the first alert', () => milliseconds > 0, 60_000)
    clearInterval(deeds)
  })
  return milliseconds
}

const rows: (readonly (string | number)[])[] = []
for (const { what, command } of [
  { what: 'peregrined alone', command: [DAEMON] as const },
  {
    what: 'npm start: checks, then both',
    command: ['bash', join(ROOT, 'scripts/start.sh')] as const,
  },
]) {
  const all: number[] = []
  for (let round = 0; round < ROUNDS; round++) all.push(await untilAlert([...command]))
  rows.push([what, quantile(all).toFixed(0), Math.max(...all).toFixed(0)])
}
process.stdout.write('## How long from the command to the first possible alert?\n\n')
process.stdout.write(
  `Everything built, default rules. ${ROUNDS} starts; a deed is done about every ` +
    `${DEED_EVERY_MILLISECONDS} ms until its alert is printed.\n\n`,
)
printTable(['What', 'median, ms', 'most, ms'], rows)
