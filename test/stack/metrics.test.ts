import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './support/run.js'

/** Text of all files below, by their paths. */
function textsIn(folder: string, ending: RegExp): ReadonlyMap<string, string> {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  const paths = names.filter((name) => ending.test(name)).map((name) => join(folder, name))
  return new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

/** Names as the programs write them; a histogram has more than its own. */
function metricsOf(texts: ReadonlyMap<string, string>): ReadonlySet<string> {
  const found = new Set(['falco_events', 'falco_event_last_seen_timestamp_seconds'])
  for (const text of texts.values()) {
    for (const [, name = ''] of text.matchAll(/["'](peregrined?_[a-z0-9_]+)["']/g)) found.add(name)
  }
  return found
}

/** A dashboard or a rule that misspells a metric shows nothing and never fires, without an error. */
void t.test('every metric that a dashboard, a rule or a document names is one', (t) => {
  const rooms = ['daemon', 'alerts'].map((crate) => textsIn(`native/${crate}/src`, /\.rs$/))
  const sources = [textsIn('src', /\.ts$/), ...rooms].flatMap((texts) => [...texts])
  const known = metricsOf(new Map(sources))
  t.ok(known.size > 80)
  const named = [
    ...textsIn('dashboards', /\.json$/),
    ...textsIn('alerting', /rules\.yml$/),
    ...textsIn('docs', /\.md$/),
  ]
  let seen = 0
  for (const [path, text] of named) {
    for (const [name] of text.matchAll(
      /\b(peregrined?|falco_event)s?_[a-z0-9_]*[a-z0-9]\b(?![*_])/g,
    )) {
      seen += 1
      const plain = name.replace(/_(bucket|count|sum)$/, '')
      t.ok(known.has(name) || known.has(plain), `${path}: ${name}`)
    }
  }
  t.ok(seen > 250)
  t.end()
})
