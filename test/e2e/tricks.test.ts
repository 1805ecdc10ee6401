/** Ways to do a deed under another name, each with what the kernel's own objects tell all the same. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deedPath, startDaemon, type PrintedAlert } from './support/daemon.js'

const OPENS = 'evt.type in (open, openat, openat2) and evt.is_open_read = true'
const EXECS = 'evt.type in (execve, execveat) and evt.res = SUCCESS'

function shell(script: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', ...args])
  if (status !== 0) throw new Error(`${script}: ${stderr.toString()}`)
}

void t.test('a file is known by more than the name that it was opened by', async (t) => {
  const directory = realpathSync(temporaryDirectory(t))
  const secret = join(directory, 'secret')
  writeFileSync(secret, '')
  const { ino } = statSync(secret)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Secret',
        condition: `${OPENS} and fd.ino = ${ino} and proc.name = cat`,
        output: '%fd.name %fd.realpath %fd.dev %fd.ino',
      },
    ],
  })
  const opened = async (name: string): Promise<PrintedAlert['output_fields']> => {
    const alert = await daemon.alert(name, (it) => it.output_fields['fd.name'] === name)
    return alert.output_fields
  }

  await t.test('a hard link: by its inode', async (t) => {
    const link = join(directory, 'hard')
    linkSync(secret, link)
    shell('cat "$1"', link)
    t.equal((await opened(link))['fd.ino'], ino)
  })

  await t.test('a bind mount: by its inode and device', async (t) => {
    const folder = join(directory, 'mounted')
    mkdirSync(folder)
    shell(
      'exec unshare -m sh -c \'mount --bind "$1" "$2" && cat "$2/secret"\' sh "$1" "$2"',
      directory,
      folder,
    )
    const bound = await opened(join(folder, 'secret'))
    shell('cat "$1"', secret)
    t.equal(bound['fd.dev'], (await opened(secret))['fd.dev'])
  })

  await t.test('through /proc/self/root: by the path that the kernel resolved', async (t) => {
    const name = `/proc/self/root${secret}`
    shell('cat "$1"', name)
    t.equal((await opened(name))['fd.realpath'], secret)
  })

  await t.test('through /proc/self/fd: by the path that the kernel resolved', async (t) => {
    shell('cat /proc/self/fd/9 9<"$1"', secret)
    t.equal((await opened('/proc/self/fd/9'))['fd.realpath'], secret)
  })

  await t.test('in a chroot: as the process sees it, and by its inode', async (t) => {
    copyFileSync('/bin/busybox', join(directory, 'cat'))
    shell('exec chroot "$1" /cat /secret', directory)
    t.equal((await opened('/secret'))['fd.realpath'], '/secret')
  })
})

void t.test('a program is known by more than the name that it gives itself', async (t) => {
  const directory = temporaryDirectory(t)
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Marked',
        condition: `${EXECS} and proc.args contains "${directory}"`,
        output: '%proc.name %proc.exe %proc.exepath %proc.args %proc.cmdline',
      },
      {
        rule: 'Spoofed',
        condition: `evt.type = openat and fd.name startswith "${directory}/prctl"`,
        output: '%fd.name %proc.name %proc.exepath',
      },
    ],
  })
  const marked = async (mark: string): Promise<PrintedAlert['output_fields']> => {
    const alert = await daemon.alert(mark, ({ output }) => output.includes(mark))
    return alert.output_fields
  }

  await t.test('an argv[0] of another program: by its file', async (t) => {
    const mark = join(directory, 'argv0')
    spawnSync('/bin/true', [mark], { argv0: '/usr/sbin/sshd' })
    t.match(await marked(mark), {
      'proc.name': 'true',
      'proc.exe': '/usr/sbin/sshd',
      'proc.exepath': realpathSync('/bin/true'),
    })
  })

  await t.test(
    'a name that it takes while it runs: by the name and file of its exec',
    async (t) => {
      const path = join(directory, 'prctl')
      spawnSync(deedPath('tricks'), ['rename', path])
      t.match(await marked(path), { 'proc.name': 'tricks', 'proc.exepath': deedPath('tricks') })
    },
  )

  await t.test('run by the loader: by what the loader was given', async (t) => {
    const mark = join(directory, 'loader')
    const loader = loaderOf('/bin/true')
    spawnSync(loader, ['/bin/true', mark])
    const fields = await marked(mark)
    t.equal(fields['proc.exepath'], realpathSync(loader))
    t.equal(fields['proc.args'], `/bin/true ${mark}`)
  })

  await t.test('run by an open descriptor: by its file', async (t) => {
    const mark = join(directory, 'fexecve')
    spawnSync(deedPath('tricks'), ['descriptor', '/bin/true', mark])
    const { output_fields: fields } = await daemon.alert(
      mark,
      (it) => it.output_fields['proc.exe'] === 'harmless' && it.output.includes(mark),
    )
    t.equal(fields['proc.exepath'], realpathSync('/bin/true'))
  })
})

/** The program that the kernel starts a dynamic one with. */
function loaderOf(program: string): string {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' })
  const found = /\/\S*ld-linux\S*/.exec(stdout)
  if (found === null) throw new Error(`${program} has no loader: ${stdout}`)
  return found[0]
}
