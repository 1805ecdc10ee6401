import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { subscribeWithoutReading } from './support/client.js'
import { deedPath, startDaemon, type RuleText } from './support/daemon.js'

/** Where the numbered files are asked for; none of them exists, and nobody else asks. */
function folderIn(directory: string): string {
  return join(directory, 'numbered')
}

/** Each try to open one of them makes one alert. */
function rulesFor(directory: string): readonly RuleText[] {
  return [
    {
      rule: 'Numbered',
      condition: `evt.type in (open, openat) and evt.arg.name startswith "${folderIn(directory)}/"`,
      output: 'opened %evt.arg.name',
    },
  ]
}

/** Asks for the files FROM up to TO - 1. */
function openMany(directory: string, from: number, to: number): Promise<number | null> {
  const child = spawn(deedPath('open-many'), [folderIn(directory), String(from), String(to)])
  return new Promise((resolve) => child.once('close', resolve))
}

const isNumbered = 'rule="Numbered"'

void t.test('an exporter killed again and again counts each alert once', async (t) => {
  const total = 6000
  const rounds = 6
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, { rules: rulesFor(directory) })
  const state = join(directory, 'exporter')
  const args = ['--falco', daemon.address, '--state-dir', state]
  for (let round = 0; round < rounds; round++) {
    const exporter = await runExporter(t, args)
    const from = (total / rounds) * round
    const opening = openMany(directory, from, from + total / rounds)
    // Killed behind a share that differs from round to round, while more come.
    const share = (total / rounds) * (round / rounds)
    await until('a part is counted', async () => {
      return sumOf(await exporter.metrics(), 'falco_events', isNumbered) > from + share
    })
    await exporter.kill()
    await opening
  }
  const last = await runExporter(t, args)
  await until('all are counted', async () => {
    return sumOf(await last.metrics(), 'falco_events', isNumbered) >= total
  })
  t.equal(sumOf(await last.metrics(), 'falco_events', isNumbered), total)
  t.equal(daemon.alerts().length, total, 'the daemon saw each open once')
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  void t.test(`a daemon ended by ${signal} and started again loses no alert`, async (t) => {
    const part = 500
    const directory = temporaryDirectory(t)
    const rules = rulesFor(directory)
    const options = { rules, directory: temporaryDirectory(t) }
    const daemon = await startDaemon(t, options)
    const state = join(directory, 'exporter')
    const exporter = await runExporter(t, ['--falco', daemon.address, '--state-dir', state])
    await openMany(directory, 0, part)
    await until('the daemon told all', () => daemon.alerts().length >= part)
    await daemon.stop(signal)
    const again = await startDaemon(t, options)
    await openMany(directory, part, 2 * part)
    await until('all are counted', async () => {
      return sumOf(await exporter.metrics(), 'falco_events', isNumbered) >= 2 * part
    })
    t.equal(sumOf(await exporter.metrics(), 'falco_events', isNumbered), 2 * part)
    t.equal(await again.stop(), 0)
  })
}

void t.test('two subscribers get everything beside one that never reads', async (t) => {
  const total = 3000
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, { rules: rulesFor(directory) })
  subscribeWithoutReading(t, daemon.address)
  const exporters = await Promise.all(
    [1, 2].map(() => runExporter(t, ['--falco', daemon.address, '--state-dir', ':temporary:'])),
  )
  await openMany(directory, 0, total)
  for (const exporter of exporters) {
    await until('all are counted', async () => {
      return sumOf(await exporter.metrics(), 'falco_events', isNumbered) >= total
    })
    t.equal(sumOf(await exporter.metrics(), 'falco_events', isNumbered), total)
  }
})
