/** The systemd units: right in form, tight, and no tighter than the programs can bear. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { DAEMON, ROOT, writeRules } from './support/daemon.js'

const FOLDER = join(ROOT, 'deploy/systemd')

/** What `systemd-analyze security` may say at most, from 0 (nothing reachable) to 10. */
const UNITS = { 'peregrined.service': 4, 'peregrine.service': 2 }

for (const [unit, exposure] of Object.entries(UNITS)) {
  void t.test(`${unit} is right in form and tight`, (t) => {
    const directory = temporaryDirectory(t)
    const text = readFileSync(join(FOLDER, unit), 'utf8')
    // The programs are not installed here.
    const path = join(directory, unit)
    writeFileSync(path, text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`))
    const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
    // Other units of the machine are none of ours.
    const complaints = verified.stderr.split('\n').filter((line) => line.includes(unit))
    t.same(complaints, [])
    const security = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', `--threshold=${String(exposure * 10)}`, path],
      { encoding: 'utf8' },
    )
    t.equal(security.status, 0, security.stdout + security.stderr)
    t.end()
  })
}

void t.test('the daemon runs with no more capabilities than its unit gives', async (t) => {
  const directory = temporaryDirectory(t)
  const text = readFileSync(join(FOLDER, 'peregrined.service'), 'utf8')
  const given = /^CapabilityBoundingSet=(.+)$/m.exec(text)?.[1] ?? ''
  const names = given.split(' ').map((name) => `+${name.toLowerCase().replace(/^cap_/, '')}`)
  t.ok(names.includes('+bpf'), given)
  const rules = [{ rule: 'Ran', condition: 'evt.type = execve and proc.args = "pgr-unit"' }]
  const child = spawn(
    'setpriv',
    [
      ...[`--bounding-set=-all,${names.join(',')}`, '--no-new-privs', DAEMON],
      ...['--no-default-rules', '--rules-dir', join(directory, 'none')],
      ...['-r', writeRules(directory, rules)],
      ...['--state-dir', join(directory, 'state'), '--grpc-socket-group', 'nogroup'],
      ...['--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (said += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part))
  await until('ready', () => said.includes('ready:') || child.exitCode !== null)
  t.match(said, /locked down: /)
  spawnSync('/bin/true', ['pgr-unit'])
  await until(`the alert; it said ${said}`, () => said.includes('execve'))
  const status = readFileSync(`/proc/${String(child.pid)}/status`, 'utf8')
  t.match(status, /^CapBnd:\t0+$/m, 'it could empty its bounding set')
  child.kill('SIGTERM')
  t.equal(await ended, 0, said)
})
