import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, startDaemon } from './support/daemon.js'

const OPENS = 'evt.type in (open, openat, openat2, creat)'
const OUTPUT =
  '%evt.type %fd.name %fd.realpath %fd.num %evt.res %evt.rawres ' +
  '%evt.is_open_read %evt.is_open_write %fd.typechar %proc.name'

interface Case {
  readonly call: string
  readonly mode: 'r' | 'w' | 'c'
  readonly read: boolean
  readonly write: boolean
}

const CASES: readonly Case[] = [
  ...(process.arch === 'x64' ? (['open', 'creat'] as const) : []),
  'openat',
  'openat2',
].flatMap((call): Case[] =>
  call === 'creat'
    ? // Rules that know creat ask for its name: it has no flags that could tell writing.
      [{ call, mode: 'c', read: false, write: false }]
    : [
        { call, mode: 'r', read: true, write: false },
        { call, mode: 'w', read: false, write: true },
        { call, mode: 'c', read: true, write: true },
      ],
)

void t.test('each call of the open family, for reading and for writing', async (t) => {
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Opened',
        condition: `${OPENS} and fd.name startswith "${directory}/"`,
        output: OUTPUT,
      },
    ],
  })
  for (const { call, mode, read, write } of CASES) {
    const path = join(directory, `${call}-${mode}`)
    writeFileSync(path, '')
    const before = daemon.alerts().length
    const fd = deed('open', call, path, mode)
    const name = `${call} ${mode}`
    const { output_fields: fields } = await daemon.alert(
      name,
      ({ output_fields }) =>
        output_fields['proc.name'] === 'open' && output_fields['fd.name'] === path,
    )
    t.ok(daemon.alerts().length > before, name)
    t.match(
      fields,
      {
        'evt.type': call,
        'fd.realpath': path,
        'fd.num': Number(fd),
        'evt.res': 'SUCCESS',
        'evt.rawres': Number(fd),
        'evt.is_open_read': read,
        'evt.is_open_write': write,
        'fd.typechar': 'f',
      },
      name,
    )
  }
})

void t.test('an open through a link has the asked and the real name', async (t) => {
  const directory = temporaryDirectory(t)
  const target = join(directory, 'secret')
  const link = join(directory, 'innocent')
  writeFileSync(target, '')
  symlinkSync(target, link)
  const daemon = await startDaemon(t, {
    rules: [{ rule: 'Real', condition: `${OPENS} and fd.realpath = "${target}"`, output: OUTPUT }],
  })
  deed('open', 'openat', link, 'r')
  const { output_fields: fields } = await daemon.alert('Real', () => true)
  t.match(fields, { 'fd.name': link, 'fd.realpath': target })
})

void t.test('a relative name with dots is made whole', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'file')
  writeFileSync(path, '')
  const daemon = await startDaemon(t, {
    rules: [{ rule: 'Dots', condition: `${OPENS} and fd.name = "${path}"`, output: OUTPUT }],
  })
  deed('open', 'openat', `${directory}/./x/../file`.replace('/x/..', '/.'), 'r')
  await daemon.alert('Dots', ({ output_fields }) => output_fields['proc.name'] === 'open')
})

void t.test('a failed open tells the name that was asked for', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'missing')
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Missing',
        condition: `${OPENS} and evt.failed = true and evt.arg.name = "${path}"`,
        output: `${OUTPUT} %evt.arg.name`,
      },
    ],
  })
  t.equal(deed('open', 'openat', path, 'r'), '-2')
  const { output_fields: fields } = await daemon.alert('Missing', () => true)
  t.match(fields, { 'evt.res': 'ENOENT', 'evt.rawres': -2, 'evt.arg.name': path })
})

void t.test('a name in memory that cannot be read is flagged, and nothing breaks', async (t) => {
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Unreadable open',
        condition: `${OPENS} and evt.unreadable = true and proc.name = unreadable`,
        output: OUTPUT,
      },
      {
        rule: 'Unreadable exec',
        condition: 'evt.type = execve and evt.unreadable = true and proc.name = unreadable',
        output: OUTPUT,
      },
    ],
  })
  deed('unreadable')
  for (const rule of ['Unreadable open', 'Unreadable exec']) {
    const alert = await daemon.alert(rule, (each) => each.rule === rule)
    t.match(alert.output_fields, { 'evt.res': 'EFAULT', 'evt.rawres': -14 }, rule)
  }
})
