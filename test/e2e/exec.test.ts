import { spawnSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deed, deedPath, startDaemon } from './support/daemon.js'

void t.test('an exec tells program, arguments, parent and folder', async (t) => {
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Exec',
        condition: `evt.type in (execve, execveat) and proc.args contains "${directory}"`,
        output:
          'ran %proc.cmdline %proc.name %proc.exe %proc.exepath %proc.pname %proc.ppid %proc.pid ' +
          '%proc.cwd %evt.type %evt.res %user.uid %user.name %container.id',
      },
    ],
  })
  const { pid } = spawnSync('/bin/ls', ['-d', directory], { cwd: '/usr' })
  const { output_fields: fields, ...alert } = await daemon.alert('Exec', () => true)
  t.match(alert, { rule: 'Exec', priority: 'Warning', hostname: 'node-a', source: 'syscall' })
  t.match(alert.output, `ran ls -d ${directory} ls /bin/ls `)
  t.match(fields, {
    'proc.name': 'ls',
    'proc.exe': '/bin/ls',
    'proc.cmdline': `ls -d ${directory}`,
    'proc.ppid': process.pid,
    'proc.pid': pid,
    'evt.type': 'execve',
    'evt.res': 'SUCCESS',
    'user.uid': 0,
    'user.name': 'root',
    'container.id': 'host',
  })
  t.match(String(fields['proc.exepath']), /^(?:\/usr)?\/bin\/ls$/)
  t.match(String(fields['proc.cwd']), /^\/usr\/?$/)
  t.ok(Number.isFinite(Date.parse(alert.time)), alert.time)
})

void t.test('a failed exec tells what was tried and why it failed', async (t) => {
  const directory = temporaryDirectory(t)
  const missing = join(directory, 'missing')
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Failed exec',
        condition: `evt.type = execve and evt.res != SUCCESS and evt.arg.filename = "${missing}"`,
        output: '%evt.res %evt.rawres %evt.failed %proc.name %evt.arg.filename',
      },
    ],
  })
  spawnSync('/bin/sh', ['-c', `exec ${missing}`])
  const { output_fields: fields } = await daemon.alert('Failed exec', () => true)
  t.match(fields, {
    'evt.res': 'ENOENT',
    'evt.rawres': -2,
    'evt.failed': true,
    'proc.name': 'sh',
    'evt.arg.filename': missing,
  })
})

void t.test('a program without a name is told as such', async (t) => {
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Nameless',
        condition:
          `evt.type in (execve, execveat) and proc.args contains "${directory}"` +
          ' and proc.args startswith nameless',
        output: '%proc.exepath %proc.is_exe_from_memfd %proc.args',
      },
    ],
  })
  deed('unlinked', 'memfd', '/bin/echo', 'nameless', 'memory', directory)
  const memory = await daemon.alert('memfd', ({ output }) => output.includes('memory'))
  t.equal(memory.output_fields['proc.is_exe_from_memfd'], true)
  t.match(String(memory.output_fields['proc.exepath']), /^memfd:hidden/)

  const path = join(directory, 'removed')
  deed('unlinked', path, '/bin/echo', 'nameless', 'gone', directory)
  const gone = await daemon.alert('deleted', ({ output }) => output.includes('gone'))
  t.equal(gone.output_fields['proc.is_exe_from_memfd'], false)
  t.match(String(gone.output_fields['proc.exepath']), path)
})

void t.test('a program that runs through a link is told by its real path', async (t) => {
  const directory = temporaryDirectory(t)
  const link = join(directory, 'harmless')
  symlinkSync(deedPath('nothing'), link)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Linked',
        condition: `evt.type = execve and proc.exe = "${link}"`,
        output: '%proc.name %proc.exepath',
      },
    ],
  })
  spawnSync(link)
  const { output_fields: fields } = await daemon.alert('Linked', () => true)
  t.match(fields, { 'proc.name': 'harmless', 'proc.exepath': deedPath('nothing') })
})
