import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { ROOT, startDaemon, type RunningDaemon, type Test } from './support/daemon.js'
import { render } from './support/matrix-page.js'
import {
  doDeeds,
  eventOf,
  isTrue,
  parseAlerts,
  printed,
  readCatalogue,
  rulesOf,
  type Deed,
} from './support/matrix.js'
import { openTail, type Tail } from './support/tail.js'

const PAGE = join(ROOT, 'docs/matrix.md')
const AT_ONCE = 10
const ATTEMPTS = 10

type Done = Deed & { readonly fields: Readonly<Record<string, unknown>> }

void t.test('every field of every event is true', { timeout: 600_000 }, async (t) => {
  const catalogue = readCatalogue()
  const rules = rulesOf(catalogue, [...catalogue.events.keys()])
  // Into a file: while deeds are done, nobody reads a pipe, and lines that find no room are dropped.
  const path = join(temporaryDirectory(t), 'alerts.json')
  const tail = openTail(path)
  const args = ['--all-events', '--json-output', '--file-output', path]
  const daemon = await startDaemon(t, { rules, stdout: 'off', args })
  const seen = new Map<string, Set<string>>()
  const checked = new Map<string, Set<string>>()
  for (let first = 0, some = await done(t, daemon, tail, first); some.length > 0;) {
    for (const { event, how, truths, fields } of some) {
      const mistakes = [...truths]
        .filter(([field, truth]) => !isTrue(truth, fields[field]))
        .map(([field, truth]) => `${field} is ${printed(fields[field])} instead of ${truth}`)
      t.strictSame(mistakes, [], `${event} ${how}`)
      const names = seen.get(event) ?? new Set()
      for (const [field, value] of Object.entries(fields)) if (value !== null) names.add(field)
      seen.set(event, names)
      checked.set(event, new Set([...(checked.get(event) ?? []), ...truths.keys()]))
    }
    first += AT_ONCE
    some = await done(t, daemon, tail, first)
  }

  const page = render(catalogue, seen, checked)
  if (process.env.PEREGRINE_UPDATE !== undefined) writeFileSync(PAGE, page)
  t.equal(readFileSync(PAGE, 'utf8'), page, 'docs/matrix.md is what the deeds gave')
})

/**
 * Some deeds with their events. All that the whole machine does is captured here, so on a busy one
 * events may be lost: then the deeds are done again.
 */
async function done(
  t: Test,
  daemon: RunningDaemon,
  tail: Tail,
  first: number,
): Promise<readonly Done[]> {
  let missing: readonly Deed[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    tail.forget()
    const deeds = doDeeds(temporaryDirectory(t), first, AT_ONCE)
    if (deeds.length === 0) return []
    const end = `"proc.pid":${deeds.at(-1)?.pid ?? 0},`
    const isEnd = (line: string): boolean =>
      line.includes(end) && line.includes('"Matrix procexit"')
    await until('the end of the last deed', () => tail.more().some(isEnd))
    const alerts = parseAlerts(tail.lines())
    const found = deeds.flatMap((deed): Done[] => {
      const fields = eventOf(deed, alerts)
      return fields === undefined ? [] : [{ ...deed, fields }]
    })
    if (found.length === deeds.length) return found
    missing = deeds.filter((deed) => found.every(({ pid }) => pid !== deed.pid))
  }
  const names = missing.map(({ event, how }) => `${event} ${how}`).join(', ')
  throw new Error(`no event in any of ${ATTEMPTS} attempts: ${names}; ${daemon.log()}`)
}
