/** What must not slip: who may import whom, doors, module docs. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../../src', import.meta.url))

/** A new arrow is a decision: it is drawn in ARCHITECTURE.md and allowed here. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  config: ['intake', 'series', 'ship', 'subscribe'],
  intake: ['subscribe'],
  ledger: ['series', 'store', 'subscribe'],
  metrics: ['intake', 'ledger', 'notify', 'series', 'ship', 'store', 'subscribe'],
  notify: [],
  receiver: [],
  series: [],
  serve: ['series'],
  ship: ['store'],
  store: ['series'],
  subscribe: [],
}

const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))

function roomOf(path: string): string | undefined {
  const [first, second] = path.split(sep)
  return second === undefined ? undefined : first
}

void t.test('arrows between rooms', (t) => {
  for (const { path, text } of files) {
    const room = roomOf(path)
    if (room === undefined) continue
    for (const [, target = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      const imported = relative(ROOT, resolve(ROOT, dirname(path), target))
      const other = roomOf(imported)
      if (other === undefined || other === room) continue
      t.ok(ARROWS[room]?.includes(other), `${path} may import from ${other}`)
      t.equal(imported, join(other, 'index.js'), `${path} uses the door of ${other}`)
    }
  }
  const rooms = new Set(files.map(({ path }) => roomOf(path)).filter((room) => room !== undefined))
  t.same([...rooms].toSorted(), Object.keys(ARROWS).toSorted())
  t.end()
})

void t.test('files begin with what they are for', (t) => {
  for (const { path, text } of files) {
    t.match(text.replace(/^import[^]*?\n\n/, ''), /\/\*\*/, path)
    t.match(text, /^(?:\/\*\*|import )/, `${path} begins with its doc`)
    t.notMatch(text, /\bexport default\b/, path)
    t.ok(text.split('\n').length <= 450, `${path} is not too long`)
  }
  t.end()
})
