import { spawnSync } from 'node:child_process'
import t from 'tap'
import { deed, startDaemon } from './support/daemon.js'

void t.test('the built-in rules see what they are named for', async (t) => {
  const daemon = await startDaemon(t, { rules: [], withDefaultRules: true })

  spawnSync('/bin/cat', ['/etc/shadow'])
  const read = await daemon.alert('a secret is read', ({ rule, output_fields: fields }) => {
    return rule === 'Read sensitive file untrusted' && fields['proc.name'] === 'cat'
  })
  t.equal(read.output_fields['fd.name'], '/etc/shadow')

  deed('unlinked', 'memfd', '/bin/echo', 'pgr-default')
  const fileless = await daemon.alert('a program in memory', ({ rule, output }) => {
    return rule === 'Fileless execution via memfd_create' && output.includes('pgr-default')
  })
  t.match(fileless.priority, 'Critical')
})
