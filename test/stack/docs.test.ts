import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { renderHelp } from '../../src/config/help.js'
import { DAEMON } from '../e2e/support/daemon.js'
import { parse } from 'yaml'
import { blocks, commandsOf, testOf } from '../support/documented.js'
import { ROOT, run } from './support/run.js'

/** Every document that is kept. */
const DOCUMENTS = run('git', [
  '-c',
  'safe.directory=*',
  'ls-files',
  '-c',
  '-o',
  '--exclude-standard',
  '*.md',
])
  .trim()
  .split('\n')
  .filter((path) => existsSync(join(ROOT, path)))

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** As repository hosts make them of headings. */
function anchors(path: string): readonly string[] {
  return Array.from(read(path).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

void t.test('every link leads somewhere', (t) => {
  t.ok(DOCUMENTS.length > 10)
  for (const path of DOCUMENTS) {
    const prose = read(path)
      .replace(/^```[\s\S]*?^```$/gm, '')
      .replace(/`[^`\n]*`/g, '')
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const linked = file === '' ? path : relative(ROOT, join(ROOT, dirname(path), file))
      const exists = existsSync(join(ROOT, linked))
      t.ok(exists, `${path}: ${target}`)
      if (exists && anchor !== undefined && statSync(join(ROOT, linked)).isFile()) {
        t.ok(anchors(linked).includes(anchor), `${path}: ${target}`)
      }
    }
  }
  t.end()
})

void t.test('every command that a user types is run by a test, or marked as needing more', (t) => {
  let run = 0
  for (const path of DOCUMENTS) {
    for (const block of blocks(path)) {
      if (block.language !== 'sh') continue
      const test = testOf(block)
      if (test === undefined) {
        t.match(block.mark, /^needs: \S/, `${path}: ${commandsOf(block)[0] ?? ''}`)
        continue
      }
      // Quotes and breaks of lines are the formatter's.
      const source = read(test).replaceAll(/\s+/g, '')
      for (const command of commandsOf(block)) {
        run += 1
        const asked = ["'", '"', '`'].some((quote) =>
          source.includes(`documented('${path}',${quote}${command}${quote}`.replaceAll(/\s+/g, '')),
        )
        t.ok(asked, `${path}: ${command} (${test} asks for it by documented())`)
      }
    }
  }
  t.ok(run > 10)
  t.end()
})

void t.test('every YAML in the documents is one', (t) => {
  for (const path of DOCUMENTS) {
    for (const { language, body } of blocks(path)) {
      if (language !== 'yaml') continue
      t.doesNotThrow(() => {
        parse(body)
      }, path)
    }
  }
  t.end()
})

void t.test('recording rules for old dashboards are rules', (t) => {
  const body = blocks('docs/migrate.md').find((block) => block.body.startsWith('groups:'))?.body
  const file = join(t.testdir({ 'rules.yml': body ?? '' }), 'rules.yml')
  t.match(run('promtool', ['check', 'rules', '--lint=none', file]), /2 rules found/)
  t.end()
})

void t.test('flags in the documents are flags of the program that they name', (t) => {
  const flagsOf = (text: string): string[] => Array.from(text.matchAll(/--[a-z-]+/g), ([it]) => it)
  const help = ['--help', 'rules check --help'].map((arguments_) => {
    return run(DAEMON, arguments_.split(' '))
  })
  const daemon = new Set(flagsOf(help.join(' ')))
  const exporter = new Set(flagsOf(renderHelp()))
  const rows = read('docs/migrate.md').split('## From Falco\n')[1]?.split('\n## ')[0] ?? ''
  for (const [, cell = ''] of rows.matchAll(/^\|[^|]*\|(.*)\|$/gm)) {
    const known = cell.includes("the exporter's") ? exporter : daemon
    for (const flag of flagsOf(cell)) if (!/^--+$/.test(flag)) t.ok(known.has(flag), flag)
  }
  t.end()
})

void t.test('Prometheus takes the queries of the runbooks', (t) => {
  const texts = readdirSync(join(ROOT, 'docs/runbooks')).map((name) =>
    read(`docs/runbooks/${name}`),
  )
  const begin = /^(count|increase|max|min|sum|time|topk)\b[^_]|^peregrined?_\w+ \//
  const asked = texts
    .flatMap((text) => Array.from(text.matchAll(/`([^`\n]+)`/g), ([, code = '']) => code))
    .filter((code) => begin.test(code))
  t.ok(asked.length > 10)
  const rules = asked.map((expr, index) => ({ record: `query_${index}`, expr }))
  const groups = JSON.stringify({ groups: [{ name: 'queries', rules }] })
  const file = join(t.testdir({ 'queries.yml': groups }), 'queries.yml')
  t.match(run('promtool', ['check', 'rules', '--lint=none', file]), /SUCCESS/)
  t.end()
})

void t.test('the runbooks say what it means, what to do first, and how to quiet it', (t) => {
  for (const name of readdirSync(join(ROOT, 'docs/runbooks'))) {
    const text = read(`docs/runbooks/${name}`)
    t.match(text, /^## First$/m, name)
    t.match(text, /^## To quiet it$/m, name)
    const first = text.split('## First')[1]?.split('\n## ')[0] ?? ''
    const steps = first.match(/^\d\. .*$/gm) ?? []
    t.equal(steps.length, 3, `${name}: three steps`)
    // A command of a shell, or a query.
    for (const step of steps) t.match(step, /`[^`]+[ {(][^`]*`/, `${name}: ${step}`)
  }
  t.end()
})
