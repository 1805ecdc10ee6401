import { join } from 'node:path'
import t from 'tap'
import { startEnds } from './support/ends.js'
import { runExporter, sumOf, until } from './support/exporter.js'
import { wireAlert, type WireAlert } from './support/services.js'

const TOTAL = 6_000
const RULES = 40

function numbered(number: number): WireAlert {
  return wireAlert({
    rule: `Rule ${number % RULES}`,
    output: `alert ${number}`,
    output_fields: { number: String(number) },
  })
}

void t.test('killed again and again, each alert counts once and is in Loki once', async (t) => {
  // Small batches make many commits, so that kills fall between and into them.
  const { directory, socket, daemon, loki } = await startEnds(t, { batchLimit: 25 })
  const state = join(directory, 'state')
  const args = ['--falco', socket, '--state-dir', state, '--loki-url', loki.url]

  let sent = 0
  let kills = 0
  while (sent < TOTAL) {
    // Kills fall between a push and its answer: stored and not answered, or neither.
    const stores = kills % 2 === 0 ? 'at_once' : 'at_the_end'
    loki.usual = { status: 204, late: { milliseconds: 60, stores } }
    const exporter = await runExporter(t, args)
    const target = Math.min(TOTAL, sent + TOTAL / 8)
    const feed = setInterval(() => {
      for (let n = 0; n < 100 && sent < target; n++) daemon.append(numbered(sent++))
    }, 2)
    // The moment of the kill differs from round to round: behind a counted share of the round.
    const share = (TOTAL / 8) * ((kills % 4) / 4) + 1
    const before = sent
    await until('a part is counted', async () => {
      return sumOf(await exporter.metrics(), 'falco_events') >= before + share
    })
    await exporter.kill()
    kills++
    clearInterval(feed)
    while (sent < target) daemon.append(numbered(sent++))
  }

  const last = await runExporter(t, args)
  await until('all counted', async () => sumOf(await last.metrics(), 'falco_events') >= TOTAL)
  await until('all shipped', async () => {
    return sumOf(await last.metrics(), 'peregrine_ship_waiting_entries') === 0
  })
  const page = await last.metrics()
  t.equal(sumOf(page, 'falco_events'), TOTAL)
  for (let rule = 0; rule < RULES; rule++) {
    t.equal(sumOf(page, 'falco_events', `rule="Rule ${rule}"`), TOTAL / RULES)
  }
  t.equal(loki.entries.length, TOTAL)
  const numbers = new Set(loki.entries.map(({ metadata }) => metadata.number))
  t.equal(numbers.size, TOTAL)
  t.same(loki.faults, [])
  t.ok(kills >= 8)
})
