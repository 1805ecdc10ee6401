/** What Loki takes by its clock and by its rate, and what becomes of the rest. */
import t from 'tap'
import { isEmpty, numbered, startEnds } from './support/ends.js'
import { runExporter, sumOf, until } from './support/exporter.js'

const HOUR = 3_600_000

for (const [name, off] of [
  ['an hour behind', -HOUR],
  ['a month ahead', 30 * 24 * HOUR],
] as const) {
  void t.test(
    `Loki's clock is ${name}: what it refused gets a time that it takes, once`,
    async (t) => {
      const { socket, daemon, loki } = await startEnds(t)
      loki.clockMilliseconds = off
      const seconds = String(Math.floor(Date.now() / 1000))
      const alerts = numbered(100).map((alert) => ({ ...alert, time: { seconds, nanos: 5 } }))
      daemon.append(...alerts.slice(0, 50))
      const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
      const exporter = await runExporter(t, args)
      await until('all stored', () => loki.entries.length === 50)
      const retimed = 'peregrine_ship_retimed_entries_total'
      t.equal(sumOf(await exporter.metrics(), retimed), 50)
      daemon.append(...alerts.slice(50))
      await until('those behind them too', () => loki.entries.length === 100)
      await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
      t.same(
        loki.entries.map(({ line }) => line),
        alerts.map(({ output }) => output),
      )
      const page = await exporter.metrics()
      t.equal(sumOf(page, retimed), 50, 'the clock is known now')
      t.equal(sumOf(page, 'peregrine_ship_dropped_entries_total'), 0)
      const offset = sumOf(page, 'peregrine_ship_clock_offset_seconds')
      t.ok(Math.abs(offset - off / 1000) < 60, String(offset))
      const truly = `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.000000005Z`
      t.ok(loki.entries.every(({ metadata }) => metadata.event_time === truly))
    },
  )
}

void t.test('a push of more than Loki ever takes at once is halved', async (t) => {
  const { socket, daemon, loki } = await startEnds(t)
  loki.entriesLimit = 10
  daemon.append(...numbered(20))
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, args)
  await until('all stored', () => loki.entries.length === 20)
  await until('outbox emptied', async () => isEmpty(await exporter.metrics()))
  t.equal(sumOf(await exporter.metrics(), 'peregrine_ship_accepted_entries_total'), 20)
  t.equal(loki.pushes.length, 5, 'three refused, two halves')
})
