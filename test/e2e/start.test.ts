import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { at, readJson, text } from '../stack/support/values.js'
import { documented } from '../support/documented.js'
import { ROOT, writeRules, type Test } from './support/daemon.js'

interface Running {
  readonly child: ChildProcess
  readonly text: () => string
  readonly ended: Promise<number | null>
}

function run(
  t: Test,
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Running {
  const child = spawn('bash', [join(ROOT, 'scripts', script), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    // A group of its own, which gets what a terminal's Ctrl-C would send.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return { child, text: () => text, ended }
}

function startIn(t: Test, directory: string, ...args: readonly string[]): Running {
  const rules = writeRules(directory, [
    {
      rule: 'Started',
      condition: 'evt.type = execve and proc.args startswith "pgr-start"',
      output: 'ran %proc.args',
    },
  ])
  return run(
    t,
    scriptOf(documented('README.md', 'npm start')),
    [
      ...['--no-default-rules', '--rules-dir', join(directory, 'none'), '-r', rules],
      ...['--state-dir', join(directory, 'state')],
      ...['--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
      ...args,
    ],
    {
      PEREGRINE_LISTEN: '127.0.0.1:0',
      PEREGRINE_STATE_DIR: join(directory, 'exporter'),
      INIT_CWD: directory,
    },
  )
}

/** The script that npm runs for the command. */
function scriptOf(command: string): string {
  const script = text(at(readJson('package.json'), 'scripts', command.replace('npm ', '')))
  return script.replace('bash scripts/', '')
}

/** Pids of daemons whose command line names the folder. */
function daemonProcesses(directory: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      return command.includes(directory) && /^\S*peregrined\0/.test(command)
    } catch {
      // It ended in between.
      return false
    }
  })
}

/** Ids of the BPF programs that the process holds. */
function programsOf(pid: string): readonly string[] {
  const folder = `/proc/${pid}/fdinfo`
  return readdirSync(folder).flatMap((fd) => {
    const id = /^prog_id:\s+(\d+)$/m.exec(readFileSync(join(folder, fd), 'utf8'))?.[1]
    return id === undefined ? [] : [id]
  })
}

function isLoaded(id: string): boolean {
  return spawnSync('bpftool', ['prog', 'show', 'id', id]).status === 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  void t.test(`start, an alert, ${signal}: nothing is left`, async (t) => {
    const directory = temporaryDirectory(t)
    const { child, text, ended } = startIn(t, directory)
    await until('started', () => text().includes('Ctrl-C stops both'))
    const page = /metrics: +(http:\S+)/.exec(text())?.[1] ?? ''
    spawnSync('/bin/true', ['pgr-start', signal])
    await until('the alert is shown', () => text().includes(`ran pgr-start ${signal}`))
    await until('and counted', async () => {
      return sumOf(await (await fetch(page)).text(), 'falco_events', 'rule="Started"') === 1
    })
    const [pid = ''] = daemonProcesses(directory)
    const programs = programsOf(pid)
    t.ok(programs.length > 0 && programs.every(isLoaded), 'programs are loaded')

    process.kill(-(child.pid ?? 0), signal)
    t.equal(await ended, 0, text())
    t.match(text(), 'stopped; nothing is left attached')
    t.same(daemonProcesses(directory), [])
    // The kernel frees them a moment later, when no CPU can be in them any more.
    await until('no program is left', () => !programs.some(isLoaded))
    t.notOk(existsSync(join(directory, 'daemon.sock')))
    await t.rejects(fetch(page))
  })
}

void t.test('a daemon that dies takes the exporter along, and the exit code says so', async (t) => {
  const directory = temporaryDirectory(t)
  const { text, ended } = startIn(t, directory)
  await until('started', () => text().includes('Ctrl-C stops both'))
  const page = /metrics: +(http:\S+)/.exec(text())?.[1] ?? ''
  const [pid = ''] = daemonProcesses(directory)
  process.kill(Number(pid), 'SIGKILL')
  t.not(await ended, 0)
  t.match(text(), 'peregrined ended by itself')
  await t.rejects(fetch(page))
})

void t.test('a rule file with an error starts nothing', async (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'bad.yaml'), '- rule: A\n  condition: nothing.known = 1\n')
  const { text, ended } = startIn(t, directory, '-r', 'bad.yaml')
  t.not(await ended, 0)
  t.match(text(), /bad\.yaml:1:\d+/)
  t.same(daemonProcesses(directory), [])
  t.notMatch(text(), 'Ctrl-C stops both')
})

interface Lack {
  readonly name: string
  readonly environment: Readonly<Record<string, string>>
  readonly says: readonly RegExp[]
}

const TOOLS = 'bash cut dirname find getent head mktemp rm sed setsid sort uname'.split(' ')

/** Only what the check itself needs, and none of what it looks for. */
function emptyPath(directory: string): string {
  for (const tool of TOOLS) {
    spawnSync('ln', ['-s', `/usr/bin/${tool}`, join(directory, tool)])
  }
  return directory
}

function machine(directory: string, kernel: string, capabilities: string): string {
  spawnSync('mkdir', ['-p', join(directory, 'sys/kernel'), join(directory, 'self')])
  writeFileSync(join(directory, 'sys/kernel/osrelease'), `${kernel}\n`)
  writeFileSync(join(directory, 'self/status'), `CapEff:\t${capabilities}\n`)
  return directory
}

void t.test('everything missing is named at once, with what to do', async (t) => {
  const directory = temporaryDirectory(t)
  const all: Lack = {
    name: 'all',
    environment: {
      PEREGRINE_PROC: machine(temporaryDirectory(t), '5.4.0-42-generic', '0000000000000000'),
      PEREGRINE_BTF: join(directory, 'none'),
      PATH: emptyPath(directory),
      HOME: directory,
    },
    says: [
      /missing: Linux 5\.8 or later; this is 5\.4\.0\n +fix: /,
      /missing: kernel type information .*\n +fix: /,
      /missing: the capabilities CAP_BPF and CAP_PERFMON.*\n +fix: /,
      /missing: a Rust toolchain \(rustc \d+\.\d+ or later\)\n +fix: +curl /,
    ],
  }
  const { text, ended } = run(t, 'start.sh', [], all.environment)
  t.equal(await ended, 1)
  for (const part of all.says) t.match(text(), part)
  t.match(text(), 'nothing was started')
})
