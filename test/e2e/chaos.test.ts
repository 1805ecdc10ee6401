/**
 * Daemon and exporter are killed again and again, the daemon in every other round, while alerts
 * come, a Loki answers with everything that it may answer with, connections die without a word,
 * the disk fills up, and the exporter's clock jumps by an hour.
 *
 * Four rounds in each run of the tests, one with each trouble; `npm run chaos` does more, by
 * PEREGRINE_TEST_ROUNDS.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import {
  runExporter,
  sumOf,
  temporaryDirectory,
  until,
  type RunningExporter,
} from '../exporter/support/exporter.js'
import { startLoki, type ScriptedAnswer } from '../exporter/support/loki.js'
import { createClock } from './support/clock.js'
import { deedPath, startDaemon, type RunningDaemon } from './support/daemon.js'
import { mountDisk } from './support/disk.js'
import { startGate } from './support/gate.js'
import { findFaults } from './support/tally.js'

const ROUNDS = Number(process.env.PEREGRINE_TEST_ROUNDS ?? 4)
const PER_ROUND = 2_000
const HOUR = 3_600
/** Longer than the 35 s after which a silent daemon counts as away. */
const PATIENCE = 150_000

/** Each class of answers, and answers that come late or never; none of them loses an entry. */
const ANSWERS: readonly ScriptedAnswer[] = [
  { status: 500 },
  { status: 0, stores: true },
  { status: 204, late: { milliseconds: 200, stores: 'at_the_end' } },
  { status: 429, headers: { 'retry-after': '0' } },
  // "Ingestion blocked": a success by its number only.
  { status: 260 },
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
  const socket = join(directory, 'gate.sock')
  const toDaemon = await startGate(t, socket, { path: daemon.address.replace(/^unix:(\/\/)?/, '') })
  const lokiPort = Number(new URL(loki.url).port)
  const toLoki = await startGate(t, undefined, { port: lokiPort, host: '127.0.0.1' })
  const disk = mountDisk(t, join(directory, 'disk'), 48)
  const clock = createClock(directory)
  const state = ['--state-dir', join(directory, 'disk', 'state')]
  const url = `http://127.0.0.1:${toLoki.port}`
  const args = ['--falco', `unix://${socket}`, ...state, '--loki-url', url]
  const startExporter = (): Promise<RunningExporter> => runExporter(t, args, clock.environment)
  let exporter = await startExporter()

  /** One kind of trouble a round; all of them are over, or never noticed, before the next kill. */
  const disturb = async (round: number): Promise<void> => {
    if (round % 4 === 0) clock.set(round % 8 === 0 ? HOUR : -HOUR)
    else if (round % 4 === 1) {
      disk.fill()
      const failures = 'peregrine_store_commit_failures_total'
      await until('noticed', async () => sumOf(await exporter.metrics(), failures) > 0, PATIENCE)
      disk.free()
    } else if (round % 4 === 2) {
      const reconnects = async (): Promise<number> =>
        sumOf(await exporter.metrics(), 'peregrine_subscribe_reconnects_total')
      const before = await reconnects()
      toDaemon.lose()
      toLoki.lose()
      await until('found out', async () => (await reconnects()) > before, PATIENCE)
    } else clock.set(0)
  }
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
    await disturb(round)
    if (round % 2 === 0) {
      await daemon.stop('SIGKILL')
      await opened
      remember(daemon)
      daemon = await startAgain()
    } else {
      await exporter.kill()
      await opened
      exporter = await startExporter()
    }
  }
  await daemon.stop()
  remember(daemon)
  daemon = await startAgain()

  const numbered = 'rule="Numbered"'
  const page = async (): Promise<string> => exporter.metrics()
  const isCounted = async (): Promise<boolean> =>
    sumOf(await page(), 'falco_events', numbered) >= printed.length
  await until('all that was printed is counted', isCounted, PATIENCE)
  const isShipped = async (): Promise<boolean> => {
    const text = await page()
    const waiting = ['peregrine_ship_waiting_entries', 'peregrine_subscribe_behind_alerts']
    return waiting.every((name) => sumOf(text, name) === 0)
  }
  await until('nothing waits', isShipped, PATIENCE)
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
