/**
 * Daemon and exporter are killed again and again, the daemon in every other round, while alerts
 * come and a Loki answers with everything that it may answer with.
 *
 * Four rounds in each run of the tests; `npm run chaos` does more, by PEREGRINE_TEST_ROUNDS.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startLoki, type ScriptedAnswer } from '../exporter/support/loki.js'
import { deedPath, startDaemon, type RunningDaemon } from './support/daemon.js'
import { findFaults } from './support/tally.js'

const ROUNDS = Number(process.env.PEREGRINE_TEST_ROUNDS ?? 4)
const PER_ROUND = 2_000

/** Each class of answers, and answers that come late or never; none of them loses an entry. */
const ANSWERS: readonly ScriptedAnswer[] = [
  { status: 500 },
  { status: 0, stores: true },
  { status: 204, late: { milliseconds: 200, stores: 'at_the_end' } },
  { status: 429, headers: { 'retry-after': '0' } },
  { status: 0, stores: false },
  { status: 503, stores: true },
  { status: 204, late: { milliseconds: 200, stores: 'at_once' } },
]

void t.test(`${ROUNDS} rounds of kills lose nothing and double nothing`, async (t) => {
  const directory = temporaryDirectory(t)
  const folder = join(directory, 'numbered')
  const rule = {
    rule: 'Numbered',
    condition: `evt.type in (open, openat) and evt.arg.name startswith "${folder}/"`,
    output: 'opened %evt.arg.name',
  }
  const loki = await startLoki()
  t.teardown(loki.close)
  const daemonDirectory = temporaryDirectory(t)
  const startAgain = (): Promise<RunningDaemon> =>
    startDaemon(t, { rules: [rule], directory: daemonDirectory })
  const printed: string[] = []
  const remember = (daemon: RunningDaemon): void => {
    for (const alert of daemon.alerts()) if (alert.rule === 'Numbered') printed.push(alert.output)
  }

  let daemon = await startAgain()
  const state = ['--state-dir', join(directory, 'state'), '--loki-url', loki.url]
  const args = ['--falco', daemon.address, ...state]
  let exporter = await runExporter(t, args)
  for (let round = 0; round < ROUNDS; round++) {
    for (let index = 0; index < 6; index++) {
      const answer = ANSWERS[(round * 3 + index) % ANSWERS.length]
      if (answer !== undefined) loki.script.push(answer)
    }
    // Large pushes come apart and are sent in halves.
    loki.bodyLimit = round % 3 === 2 ? 200_000 : Infinity
    const before = daemon.alerts().length
    const from = round * PER_ROUND
    const opener = spawn(deedPath('open-many'), [folder, String(from), String(from + PER_ROUND)])
    const opened = new Promise((resolve) => opener.once('close', resolve))
    // Killed in the midst of it, behind a share that differs from round to round.
    const share = 1 + ((round * 7) % 10) * (PER_ROUND / 20)
    await until('a part is journalled', () => daemon.alerts().length >= before + share)
    if (round % 2 === 0) {
      await daemon.stop('SIGKILL')
      await opened
      remember(daemon)
      daemon = await startAgain()
    } else {
      await exporter.kill()
      await opened
      exporter = await runExporter(t, args)
    }
  }
  await daemon.stop()
  remember(daemon)
  daemon = await startAgain()

  const numbered = 'rule="Numbered"'
  const page = async (): Promise<string> => exporter.metrics()
  await until('all that was printed is counted', async () => {
    return sumOf(await page(), 'falco_events', numbered) >= printed.length
  })
  await until('nothing waits', async () => {
    const text = await page()
    const waiting = ['peregrine_ship_waiting_entries', 'peregrine_subscribe_behind_alerts']
    return waiting.every((name) => sumOf(text, name) === 0)
  })
  const text = await page()
  const shipped = loki.entries
    .filter(({ metadata }) => metadata.rule === 'Numbered')
    .map(({ line, metadata }) => ({ id: metadata.event_id ?? '', line }))
  t.same(loki.faults, [])
  t.same(findFaults({ printed, shipped, counted: sumOf(text, 'falco_events', numbered) }), [])
  t.equal(sumOf(text, 'peregrine_gaps_total', 'unannounced'), 0)
  t.equal(sumOf(text, 'peregrine_ship_dropped_entries_total'), 0)
  t.ok(printed.length > ROUNDS * PER_ROUND * 0.3, `${printed.length} alerts`)
})
