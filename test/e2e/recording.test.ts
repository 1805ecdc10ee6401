import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { DAEMON, writeRules } from './support/daemon.js'

const peregrined = (...args: readonly string[]) => {
  return spawnSync(DAEMON, args, { encoding: 'utf8', timeout: 120_000 })
}

void t.test('a recorded command is judged again, and silence is explained', (t) => {
  const directory = temporaryDirectory(t)
  const recording = join(directory, 'deed.jsonl')
  const recorded = peregrined('record', recording, '--', '/bin/cat', '/etc/passwd')
  t.equal(recorded.status, 0, recorded.stderr)
  t.match(recorded.stderr, /deed\.jsonl: \d+ events, 0 lost/)
  t.equal(statSync(recording).mode & 0o777, 0o600, 'others cannot read the environments in it')
  const head: unknown = JSON.parse(readFileSync(recording, 'utf8').split('\n')[0] ?? '')
  t.match(head, { format: 'peregrine-recording', version: 1 })

  const opens = 'evt.type in (open, openat) and proc.name = cat'
  const rules = writeRules(directory, [
    {
      rule: 'Passwd',
      condition: `${opens} and fd.name = /etc/passwd`,
      output: '%fd.name by %proc.cmdline',
    },
    { rule: 'Shadow', condition: `${opens} and fd.filename = shadow` },
    { rule: 'Mounted', condition: 'evt.type = mount' },
  ])
  const tested = peregrined('rules', 'test', rules, '--recording', recording, '--explain')
  t.equal(tested.status, 0, tested.stderr)
  t.match(tested.stdout, /fired {2}Passwd \(1×\)\n +line \d+: \/etc\/passwd by cat \/etc\/passwd/)
  t.match(tested.stdout, /silent Shadow\n.*`fd\.filename = shadow` .* is false: fd\.filename = /)
  t.match(tested.stdout, /silent Mounted\n +no event of a type that it asks for/)
  t.end()
})

void t.test('a recording written by hand is judged, and a broken one is refused', (t) => {
  const directory = temporaryDirectory(t)
  const recording = join(directory, 'hand.jsonl')
  const lines = [
    { format: 'peregrine-recording', version: 1 },
    { process: 1, fields: { 'proc.name': 'curl', 'proc.cmdline': 'curl x', 'proc.args': 'x' } },
    { event: 'execve', process: 1, fields: { 'evt.rawres': 0 } },
    { end: true },
  ]
  const write = (objects: readonly object[]): void => {
    writeFileSync(recording, objects.map((object) => `${JSON.stringify(object)}\n`).join(''))
  }
  const rules = writeRules(directory, [
    { rule: 'Curl', condition: 'evt.type = execve and proc.name = curl and evt.rawres = 0' },
  ])
  write(lines)
  t.match(peregrined('rules', 'test', rules, '--recording', recording).stdout, 'fired  Curl (1×)')
  write([...lines.slice(0, 2), { event: 'execve', process: 7 }])
  const broken = peregrined('rules', 'test', rules, '--recording', recording)
  t.equal(broken.status, 1)
  t.match(broken.stderr, 'line 3 of the recording: process 7 has no line before it')
  t.end()
})
