/** Who floods loses first, and is named; a neighbour is still seen. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { ownCgroup } from './support/cgroup.js'
import { deed, startDaemon } from './support/daemon.js'

/** Twice what a lane of 8 MiB holds. */
const OPENS = 80_000

void t.test('a flood is held back and told, and its neighbour is not', async (t) => {
  const directory = temporaryDirectory(t)
  const cgroup = ownCgroup(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Neighbour',
        condition: 'evt.type in (open, openat) and fd.name endswith "/neighbour"',
      },
    ],
    // Every open leaves the kernel, so that all of them need room.
    args: ['--no-filter'],
  })
  process.kill(daemon.pid, 'SIGSTOP')
  deed('open-many', join(directory, 'flood'), '0', String(OPENS))
  const read = `echo 0 >'${cgroup}/cgroup.procs' && exec cat '${directory}/neighbour'`
  spawnSync('/bin/sh', ['-c', read], { env: {} })
  process.kill(daemon.pid, 'SIGCONT')

  await daemon.alert('the neighbour', ({ rule }) => rule === 'Neighbour')
  const held = await daemon.alert('what was held back', ({ rule }) =>
    rule.endsWith('flood held back'),
  )
  t.equal(held.source, 'internal')
  t.equal(held.output_fields['container.id'], 'host')
  t.type(held.output_fields['proc.name'], 'string')
  t.ok(Number(held.output_fields.n_events) > 1000)
  // The lane itself was never full: what is missing is what was held back.
  const sum = (name: string): number =>
    daemon
      .alerts()
      .filter(({ rule }) => rule.endsWith(name))
      .reduce((sum, { output_fields: fields }) => sum + Number(fields.n_events), 0)
  await until(
    'all that was held back is told as lost',
    () => sum('events lost') === sum('flood held back'),
  )
})
