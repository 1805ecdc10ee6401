import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { deed, deedPath, startDaemon, type PrintedAlert } from './support/daemon.js'

const COUNT = 200

void t.test('children that live for microseconds are told with their parent', async (t) => {
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Brief open',
        condition: `evt.type in (open, openat) and evt.arg.name startswith "${directory}/"`,
        output: '%evt.arg.name %proc.name %proc.pname %proc.pid %proc.ppid',
      },
      {
        rule: 'Brief exec',
        condition: `evt.type = execve and proc.name = nothing and proc.args = "${directory}"`,
        output: '%proc.name %proc.pname %proc.pid %proc.ppid %proc.args',
      },
    ],
  })
  deed('brief', directory, String(COUNT), deedPath('nothing'))
  await until('all are told', () => daemon.alerts().length >= 2 * COUNT)
  const opens = daemon.alerts().filter(({ rule }) => rule === 'Brief open')
  const execs = daemon.alerts().filter(({ rule }) => rule === 'Brief exec')
  t.equal(opens.length, COUNT)
  t.equal(execs.length, COUNT)
  t.ok(
    opens.every(({ output_fields: fields }) => fields['proc.pname'] === 'brief'),
    'each open has its parent',
  )
  t.ok(
    execs.every(({ output_fields: fields }) => fields['proc.pname'] === 'brief'),
    'each exec has its parent',
  )
  const names = new Set(opens.map(({ output_fields: fields }) => fields['evt.arg.name']))
  t.equal(names.size, COUNT, 'each name once')
  const pids = new Set(execs.map(({ output_fields: fields }) => fields['proc.pid']))
  t.equal(pids.size, COUNT, 'each process once')
})

void t.test('a fork is told as its parent sees it, and as the child does', async (t) => {
  const directory = temporaryDirectory(t)
  const forked = 'evt.type in (clone, clone3, fork, vfork) and proc.name = brief'
  const output = '%evt.arg.res %evt.res %evt.num %proc.pid %proc.ppid'
  const daemon = await startDaemon(t, {
    rules: [
      { rule: 'Child', condition: `${forked} and evt.rawres = 0`, output },
      {
        rule: 'Parent',
        condition: `${forked} and evt.rawres > 0`,
        output: `%evt.rawres ${output}`,
      },
    ],
  })
  deed('brief', directory, '2', deedPath('nothing'))
  await until('both of each', () => daemon.alerts().length >= 4)
  const fieldsOf = (name: string): readonly PrintedAlert['output_fields'][] =>
    daemon.alerts().flatMap(({ rule, output_fields: fields }) => (rule === name ? [fields] : []))
  const [parents, children] = [fieldsOf('Parent'), fieldsOf('Child')]
  t.same(
    children.map((child) => child['proc.pid']),
    parents.map((parent) => parent['evt.rawres']),
    'what the parent got is who the child is',
  )
  for (const [index, child] of children.entries()) {
    t.equal(child['proc.ppid'], parents[index]?.['proc.pid'])
    t.match(child, { 'evt.arg.res': '0', 'evt.res': 'SUCCESS' })
    t.not(child['evt.num'], parents[index]?.['evt.num'])
  }
})
