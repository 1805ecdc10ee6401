/**
 * Daemon and exporter are killed again and again, the daemon in every other round, while alerts
 * come, a Loki answers with everything that it may answer with, connections die without a word,
 * the disk fills up, and the clocks of exporter and Loki jump by an hour. Alerts come at 5,000 a
 * second and more from the real daemon, so each of its kills hits it while it commits.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
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
import { createTally } from './support/tally.js'

/** Two minutes in each run of the tests, ten in `npm run chaos`. */
const SECONDS = Number(process.env.PEREGRINE_TEST_SECONDS ?? 120)
/** More than 5,000 a second come through: while the daemon starts again, none does. */
const RATE = 7_500
/** Of the kernel's clock: time enough for each kind of trouble to take hold. */
const PER_ROUND = 6 * RATE
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

void t.test(`${SECONDS} seconds of kills lose nothing and double nothing`, async (t) => {
  const directory = temporaryDirectory(t)
  const folder = join(directory, 'numbered')
  const rule = {
    rule: 'Numbered',
    condition: `evt.type in (open, openat) and evt.arg.name startswith "${folder}/"`,
    output: 'opened %evt.arg.name',
  }
  const tally = createTally(SECONDS * RATE)
  const numberIn = (text: string): number => Number(/opened [^" ]*\/(\d+)/.exec(text)?.[1] ?? -1)
  const loki = await startLoki(0, (entry) => {
    if (entry.metadata.rule !== 'Numbered') return
    tally.shipped(numberIn(entry.line), crc32(JSON.stringify(entry)))
  })
  t.teardown(loki.close)
  // Behind by an hour, and right from the middle on.
  loki.clockMilliseconds = -HOUR * 1_000
  const daemonDirectory = temporaryDirectory(t)
  const startAgain = (): Promise<RunningDaemon> =>
    startDaemon(t, {
      rules: [rule],
      directory: daemonDirectory,
      args: ['--journal-limit-bytes', String(1024 ** 3)],
      printed: (line) => {
        if (line.includes('"rule":"Numbered"')) tally.printed(numberIn(line))
      },
    })

  let daemon = await startAgain()
  const socket = join(directory, 'gate.sock')
  const toDaemon = await startGate(t, socket, { path: daemon.address.replace(/^unix:(\/\/)?/, '') })
  const lokiPort = Number(new URL(loki.url).port)
  const toLoki = await startGate(t, undefined, { port: lokiPort, host: '127.0.0.1' })
  const disk = mountDisk(t, join(directory, 'disk'), 256)
  const clock = createClock(directory)
  const state = ['--state-dir', join(directory, 'disk', 'state')]
  const url = `http://127.0.0.1:${toLoki.port}`
  const flags = ['--falco', `unix://${socket}`, ...state, '--loki-url', url]
  const startExporter = (): Promise<RunningExporter> => runExporter(t, flags, clock.environment)
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
  const args = [folder, '0', String(SECONDS * RATE), String(RATE)]
  const opener = spawn(deedPath('open-many'), args)
  const begun = performance.now()
  const load = { isOver: false, seconds: 0 }
  opener.once('close', () => {
    load.isOver = true
    load.seconds = (performance.now() - begun) / 1_000
  })
  t.teardown(() => opener.kill('SIGKILL'))
  let round = 0
  for (; !load.isOver; round++) {
    for (let index = 0; index < 6; index++) {
      const answer = ANSWERS[(round * 3 + index) % ANSWERS.length]
      if (answer !== undefined) loki.script.push(answer)
    }
    // Large pushes come apart and are sent in halves.
    loki.bodyLimit = round % 3 === 2 ? 200_000 : Infinity
    if (performance.now() - begun > SECONDS * 500) loki.clockMilliseconds = 0
    // Killed in the midst of it, behind a share that differs from round to round.
    const share = tally.printedCount + PER_ROUND * (1 + ((round * 7) % 10) / 10)
    await until('a part is journalled', () => load.isOver || tally.printedCount >= share, PATIENCE)
    await disturb(round)
    if (round % 2 === 0) {
      await daemon.stop('SIGKILL')
      daemon = await startAgain()
    } else {
      await exporter.kill()
      exporter = await startExporter()
    }
  }
  await daemon.stop()
  daemon = await startAgain()

  const numbered = 'rule="Numbered"'
  const page = async (): Promise<string> => exporter.metrics()
  const isCounted = async (): Promise<boolean> =>
    sumOf(await page(), 'falco_events', numbered) >= tally.printedCount
  await until('all that was printed is counted', isCounted, PATIENCE)
  const isShipped = async (): Promise<boolean> => {
    const text = await page()
    const waiting = ['peregrine_ship_waiting_entries', 'peregrine_subscribe_behind_alerts']
    return waiting.every((name) => sumOf(text, name) === 0)
  }
  await until('nothing waits', isShipped, PATIENCE)
  const text = await page()
  t.same(loki.faults, [])
  t.same(tally.faults(sumOf(text, 'falco_events', numbered)).slice(0, 20), [])
  t.equal(sumOf(text, 'peregrine_gaps_total', 'unannounced'), 0)
  t.equal(sumOf(text, 'peregrine_ship_dropped_entries_total'), 0)
  t.ok(tally.printedCount > SECONDS * RATE * 0.3, `${tally.printedCount} alerts`)
  const perSecond = Math.round(tally.printedCount / load.seconds)
  t.comment(`${tally.printedCount} alerts, ${perSecond} a second; ${round} kills`)
})
