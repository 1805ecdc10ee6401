import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, deedPath, startDaemon } from './support/daemon.js'

void t.test('a process with the pid of one that ended is not taken for it', async (t) => {
  const directory = temporaryDirectory(t)
  const output = '%proc.pid %proc.name %proc.exepath %proc.pname %proc.args'
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'First',
        condition: `evt.type = execve and proc.name = nothing and proc.args = "${directory}"`,
        output,
      },
      {
        rule: 'Second',
        condition: `evt.type in (open, openat) and evt.arg.name = "${directory}/second"`,
        output,
      },
    ],
  })
  const pid = Number(deed('reuse', directory, deedPath('nothing')))
  const first = await daemon.alert('First', ({ rule }) => rule === 'First')
  t.match(first.output_fields, { 'proc.pid': pid, 'proc.name': 'nothing', 'proc.pname': 'reuse' })
  const second = await daemon.alert('Second', ({ rule }) => rule === 'Second')
  t.match(second.output_fields, {
    'proc.pid': pid,
    'proc.name': 'reuse',
    'proc.exepath': deedPath('reuse'),
    'proc.pname': 'reuse',
  })
})
