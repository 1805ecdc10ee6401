/** The running daemon has given up what it does not need, and still does all of its work. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { DAEMON, startDaemon, type RuleText } from './support/daemon.js'

const RULES: readonly RuleText[] = [
  { rule: 'Secret', condition: 'evt.type = openat and fd.name endswith "/lockdown-secret"' },
]

interface Thread {
  readonly name: string
  readonly status: ReadonlyMap<string, string>
}

function threadsOf(pid: number): readonly Thread[] {
  const folder = `/proc/${String(pid)}/task`
  return readdirSync(folder).map((id) => {
    const lines = readFileSync(join(folder, id, 'status'), 'utf8').split('\n')
    const fields = lines.map((line): [string, string] => {
      const [name = '', value = ''] = line.split(':\t')
      return [name, value.trim()]
    })
    return {
      name: readFileSync(join(folder, id, 'comm'), 'utf8').trim(),
      status: new Map(fields),
    }
  })
}

/** As include/uapi/linux/capability.h numbers them. */
const CAPABILITIES = { DAC_READ_SEARCH: 2n, SYS_PTRACE: 19n, PERFMON: 38n, BPF: 39n }

function capabilities(...names: readonly (keyof typeof CAPABILITIES)[]): string {
  const bits = names.reduce((bits, name) => bits | (1n << CAPABILITIES[name]), 0n)
  return bits.toString(16).padStart(16, '0')
}

const KEPT: Readonly<Record<string, string>> = {
  attach: capabilities('BPF', 'PERFMON'),
  proc: capabilities('SYS_PTRACE', 'DAC_READ_SEARCH'),
}

for (const hooks of ['sys-exit', 'syscall-tracepoints']) {
  void t.test(`each thread keeps only what it needs, hooked by ${hooks}`, async (t) => {
    const directory = temporaryDirectory(t)
    const daemon = await startDaemon(t, {
      directory,
      rules: RULES,
      args: ['--hooks', hooks, '--file-output', join(directory, 'alerts.log')],
    })
    const expected = ['attach', 'proc', 'names', 'alerts-serve', 'alerts-journal', 'alerts-file']
    // A thread names itself, which may be after the daemon says that it is ready.
    await until('all threads have names', () => {
      const names = new Set(threadsOf(daemon.pid).map((thread) => thread.name))
      return expected.every((name) => names.has(name))
    })
    const threads = threadsOf(daemon.pid)
    for (const { name, status } of threads) {
      const kept = KEPT[name] ?? capabilities()
      t.equal(status.get('CapEff'), kept, `effective capabilities of ${name}`)
      t.equal(status.get('CapPrm'), kept, `permitted capabilities of ${name}`)
      for (const set of ['CapInh', 'CapBnd', 'CapAmb']) {
        t.equal(status.get(set), capabilities(), `${set} of ${name}`)
      }
      t.equal(status.get('NoNewPrivs'), '1', `no_new_privs of ${name}`)
      t.equal(status.get('Seccomp'), '2', `seccomp filter of ${name}`)
    }
    t.match(daemon.log(), /locked down: .* landlock=\d/)
    t.same(internetSockets(daemon.pid), [], 'no socket that was not configured')
  })
}

/** Empty for a descriptor that was closed meanwhile. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Descriptors whose socket stands in one of the kernel's lists of internet sockets. */
function internetSockets(pid: number): readonly string[] {
  const folder = `/proc/${String(pid)}`
  const lists = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'].map((list) =>
    join(folder, 'net', list),
  )
  const inodes = lists
    .filter((list) => existsSync(list))
    .flatMap((list) => readFileSync(list, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/)[9])
  return readdirSync(join(folder, 'fd')).filter((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(join(folder, 'fd', fd)))?.[1]
    return inode !== undefined && inodes.includes(inode)
  })
}

void t.test('locked down, it sees, keeps, rotates and cleans up', async (t) => {
  const directory = temporaryDirectory(t)
  mkdirSync(join(directory, 'log'))
  const file = join(directory, 'log/alerts.log')
  const daemon = await startDaemon(t, {
    directory,
    rules: RULES,
    args: ['--file-output', file, '--json-output'],
  })
  const touch = (): void => {
    spawnSync('/bin/cat', [join(directory, 'lockdown-secret')])
  }
  const count = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1
  touch()
  await until('the first line', () => count(file) === 1)
  renameSync(file, `${file}.1`)
  process.kill(daemon.pid, 'SIGUSR1')
  await until('a new file', () => readdirSync(join(directory, 'log')).includes('alerts.log'))
  touch()
  await until('the line in it', () => count(file) === 1)
  t.equal(count(`${file}.1`), 1)
  t.equal(await daemon.stop(), 0, daemon.log())
  t.notOk(readdirSync(directory).includes('daemon.sock'), 'the socket is removed')
  t.notMatch(daemon.log(), /WARN|ERROR|denied|not permitted/)
})

void t.test('without a lock-down it says so, and keeps its privileges', async (t) => {
  const daemon = await startDaemon(t, { rules: RULES, args: ['--no-lockdown'] })
  t.match(daemon.log(), 'not locked down: --no-lockdown is for debugging')
  const [first] = threadsOf(daemon.pid)
  t.equal(first?.status.get('Seccomp'), '0')
})

void t.test('doctor tells what is in force', (t) => {
  const { stdout, status } = spawnSync(DAEMON, ['doctor'], { encoding: 'utf8' })
  t.equal(status, 0, stdout)
  t.match(stdout, /^ok +landlock +version \d+/m)
  t.match(stdout, /^ok +seccomp /m)
  t.end()
})
