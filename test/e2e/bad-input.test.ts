import { spawnSync } from 'node:child_process'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { subscribeStandard } from './support/client.js'
import { DAEMON, runDaemonToEnd, startDaemon, writeRules, type RuleText } from './support/daemon.js'

const GOOD: RuleText = {
  rule: 'Marked',
  condition: 'evt.type = execve and proc.args startswith "pgr-bad-input"',
  output: 'ran %proc.args',
}

/** Flags of a start that touches nothing outside of the folder. */
function inFolder(directory: string, ...args: readonly string[]): readonly string[] {
  return [
    '--no-default-rules',
    ...['--rules-dir', join(directory, 'none')],
    ...['--state-dir', join(directory, 'state')],
    ...['--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
    ...args,
  ]
}

const RULE_FILES = [
  {
    name: 'unknown field',
    text: '- rule: A\n  desc: a\n  condition: proc.nmae = sh\n  output: a\n  priority: INFO\n',
    says: [/:3:14\b/, /proc\.nmae/, /proc\.name/],
  },
  {
    name: 'wrong type',
    text: '- rule: A\n  desc: a\n  condition: proc.pid > many\n  output: a\n  priority: INFO\n',
    says: [/:3:\d+\b/, /many/],
  },
  {
    name: 'unknown operator',
    text: '- rule: A\n  desc: a\n  condition: proc.name like sh\n  output: a\n  priority: INFO\n',
    says: [/:3:\d+\b/, /like/],
  },
  {
    name: 'unknown macro',
    text: '- rule: A\n  desc: a\n  condition: spawned_proces\n  output: a\n  priority: INFO\n',
    says: [/:3:14\b/, /spawned_proces\b/],
  },
  {
    name: 'broken YAML',
    text: '- rule: A\n  condition: [evt.type\n',
    says: [/rules\.yaml:\d+:\d+/],
  },
]

for (const { name, text, says } of RULE_FILES) {
  void t.test(`rule file refused: ${name}`, async (t) => {
    const directory = temporaryDirectory(t)
    const good = writeRules(temporaryDirectory(t), [GOOD])
    const path = join(directory, 'rules.yaml')
    writeFileSync(path, text)
    const started = await runDaemonToEnd(t, inFolder(directory, '-r', good, '-r', path))
    t.not(started.code, 0)
    t.notMatch(started.stderr, 'ready:')
    t.match(started.stderr, path)
    for (const part of says) t.match(started.stderr, part)
    const checked = await runDaemonToEnd(t, ['rules', 'check', '--no-default-rules', path])
    t.not(checked.code, 0, 'the check finds it too')
    for (const part of says) t.match(checked.stdout + checked.stderr, part)
  })
}

void t.test('good rules pass the check', async (t) => {
  const path = writeRules(temporaryDirectory(t), [GOOD])
  const checked = await runDaemonToEnd(t, ['rules', 'check', path])
  t.equal(checked.code, 0, checked.stderr)
})

/** Machines that cannot run it, made of this one. */
const UNFIT = [
  {
    name: 'no privileges',
    wrapper: ['setpriv', '--bounding-set=-sys_admin,-bpf,-perfmon', '--'],
    says: [/missing: rights: lacks CAP_BPF/, /fix: +run as root/, /cap_add/],
  },
  {
    name: 'a rootless engine',
    wrapper: ['unshare', '--user', '--map-root-user', '--'],
    says: [/missing: namespace: a user namespace, as of rootless Docker/, /fix: .*systemd/],
  },
  {
    name: 'a kernel without BTF',
    wrapper: [
      ...['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'],
      'sh',
    ],
    says: [/missing: BTF: .*vmlinux is not there/, /CONFIG_DEBUG_INFO_BTF/],
  },
]

for (const { name, wrapper, says } of UNFIT) {
  void t.test(`${name}: the first screen says what is missing and what to do`, (t) => {
    const [program = '', ...first] = wrapper
    const directory = temporaryDirectory(t)
    const rules = writeRules(directory, [GOOD])
    const args = [...first, DAEMON, ...inFolder(directory, '-r', rules)]
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    t.equal(status, 1, stderr)
    for (const expected of says) t.match(stderr, expected)
    t.ok(stderr.split('\n').length < 24, 'and it is one screen')
    t.notMatch(stderr, 'ready:')
    t.end()
  })
}

void t.test('a rule file that is not there', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'no-such.yaml')
  const { code, stderr } = await runDaemonToEnd(t, inFolder(directory, '-r', path))
  t.not(code, 0)
  t.match(stderr, path)
  t.match(stderr, /no such file/i)
})

void t.test('a socket in use', async (t) => {
  const daemon = await startDaemon(t, { rules: [GOOD] })
  const directory = temporaryDirectory(t)
  const rules = writeRules(directory, [GOOD])
  const { code, stderr } = await runDaemonToEnd(t, [
    ...['--no-default-rules', '--rules-dir', join(directory, 'none'), '-r', rules],
    ...['--state-dir', join(directory, 'state'), '--grpc-socket', daemon.address],
  ])
  t.not(code, 0)
  t.match(stderr, /daemon\.sock/)
  t.match(stderr, /in use|listens|another/)
  t.notMatch(stderr, 'ready:')
})

void t.test('a journal in use by another daemon', async (t) => {
  const daemon = await startDaemon(t, { rules: [GOOD] })
  const directory = temporaryDirectory(t)
  const rules = writeRules(directory, [GOOD])
  const other = `unix://${join(directory, 'other.sock')}`
  const { code, stderr } = await runDaemonToEnd(t, [
    ...['--no-default-rules', '--rules-dir', join(directory, 'none'), '-r', rules],
    ...['--state-dir', join(daemon.directory, 'state'), '--grpc-socket', other],
  ])
  t.not(code, 0)
  t.match(stderr, /state/)
  t.notMatch(stderr, 'ready:')
})

void t.test('a corrupt journal is moved aside, said, and told to subscribers', async (t) => {
  const options = { rules: [GOOD], directory: temporaryDirectory(t) }
  const daemon = await startDaemon(t, options)
  t.equal(await daemon.stop(), 0)
  const state = join(options.directory, 'state')
  const [journal = ''] = readdirSync(state).filter((name) => statSync(join(state, name)).isFile())
  writeFileSync(join(state, journal), 'this is no journal\n'.repeat(500))
  const again = await startDaemon(t, options)
  t.match(again.log(), /moved/)
  t.match(again.log(), state)
  t.ok(readdirSync(state).length > 1, 'the old file is kept')
  const client = subscribeStandard(t, again.address)
  await until('the notice comes', () => client.received.length >= 1)
  t.match(client.received[0], { source: 'internal', gap: { reason: 'journal_lost' } })
})

void t.test('a certificate that is none', async (t) => {
  const directory = temporaryDirectory(t)
  const rules = writeRules(directory, [GOOD])
  const file = join(directory, 'no-certificate.pem')
  writeFileSync(file, 'nothing\n')
  const tls = ['--tls-cert', file, '--tls-key', file, '--tls-client-ca', file]
  const { code, stderr } = await runDaemonToEnd(
    t,
    inFolder(directory, '-r', rules, '--grpc-listen', '127.0.0.1:0', ...tls),
  )
  t.not(code, 0)
  t.match(stderr, file)
  t.notMatch(stderr, 'ready:')
})

void t.test('a state folder that cannot be made', async (t) => {
  const directory = temporaryDirectory(t)
  const rules = writeRules(directory, [GOOD])
  const state = join(rules, 'state')
  const { code, stderr } = await runDaemonToEnd(t, [
    ...['--no-default-rules', '--rules-dir', join(directory, 'none'), '-r', rules],
    ...['--state-dir', state, '--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
  ])
  t.not(code, 0)
  t.match(stderr, state)
})

void t.test('a socket left behind by a killed daemon is no obstacle', async (t) => {
  const options = { rules: [GOOD], directory: temporaryDirectory(t) }
  const daemon = await startDaemon(t, options)
  await daemon.stop('SIGKILL')
  await startDaemon(t, options)
  t.pass('it started')
})

void t.test('a socket path that something else has taken is left alone', async (t) => {
  const directory = temporaryDirectory(t)
  const rules = writeRules(directory, [GOOD])
  const path = join(directory, 'daemon.sock')
  const server = createServer().listen(path)
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { code, stderr } = await runDaemonToEnd(t, inFolder(directory, '-r', rules))
  t.not(code, 0)
  t.match(stderr, path)
  t.ok(statSync(path).isSocket())
})
