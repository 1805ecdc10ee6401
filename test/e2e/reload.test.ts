import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { askStatus } from './support/client.js'
import {
  deed,
  deedPath,
  startDaemon,
  writeRules,
  type RuleText,
  type RunningDaemon,
} from './support/daemon.js'

const OPENS = 'evt.type in (open, openat)'
const marked = (rule: string, mark: string): RuleText => ({
  rule,
  condition: `evt.type = execve and evt.rawres = 0 and proc.args contains ${mark}`,
  output: '%proc.cmdline',
})

/** Does a deed until it is told, since nobody says from which event on the new rules judge. */
async function seenAtLast(daemon: RunningDaemon, rule: string, mark: string): Promise<void> {
  await until(`${rule} sees ${mark}; the daemon said: ${daemon.log()}`, () => {
    deed('calls', 'none', mark)
    return daemon.alerts().some((alert) => alert.rule === rule && alert.output.includes(mark))
  })
}

const reloads = (daemon: RunningDaemon): number => daemon.log().split('rules reloaded').length - 1

void t.test('reloads under load lose no event, also when more calls are hooked', async (t) => {
  const folder = temporaryDirectory(t)
  const opened: RuleText = {
    rule: 'Opened',
    condition: `${OPENS} and fd.name startswith "${folder}/"`,
    output: '%fd.name',
  }
  const daemon = await startDaemon(t, { rules: [opened], args: ['--rule-matching', 'all'] })
  const files = 20_000
  const flood = spawn(deedPath('open-many'), [folder, '0', String(files)], { stdio: 'ignore' })
  // Wider, narrower, wider …: calls are hooked and let go while events flow.
  for (let round = 0; flood.exitCode === null || round < 4; round += 1) {
    const more = round % 2 === 0 ? [{ rule: 'Connected', condition: 'evt.type = connect' }] : []
    writeRules(daemon.directory, [opened, ...more])
    const before = reloads(daemon)
    process.kill(daemon.pid, 'SIGHUP')
    await until(`reload ${round}`, () => reloads(daemon) > before)
  }
  const last = `${folder}/${files - 1}`
  await daemon.alert('the last one', ({ output }) => output.includes(last))
  const told = daemon.alerts().filter(({ rule }) => rule === 'Opened')
  t.equal(told.length, files, 'each open is told once')
  t.equal(new Set(told.map(({ output_fields: fields }) => fields['fd.name'])).size, files)
})

void t.test('a rule on calls that were not hooked before sees them', async (t) => {
  const daemon = await startDaemon(t, { rules: [marked('Before', 'pgr-before')] })
  writeRules(daemon.directory, [
    { rule: 'Opened', condition: `${OPENS} and fd.name = /etc/passwd`, output: '%proc.name' },
  ])
  process.kill(daemon.pid, 'SIGHUP')
  await until('reloaded', () => reloads(daemon) === 1)
  deed('open', 'openat', '/etc/passwd', 'r')
  await daemon.alert('opened', ({ rule }) => rule === 'Opened')
})

void t.test('changed files are loaded by themselves, as a ConfigMap changes them', async (t) => {
  const folder = temporaryDirectory(t)
  const version = (name: string, rules: readonly RuleText[]): void => {
    mkdirSync(join(folder, name))
    writeRules(join(folder, name), rules)
    symlinkSync(name, join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
  }
  version('..v1', [marked('First', 'pgr-config')])
  symlinkSync('..data/rules.yaml', join(folder, 'rules.yaml'))
  const daemon = await startDaemon(t, {
    rules: [marked('Own', 'pgr-own')],
    args: ['-r', folder, '--rule-matching', 'all'],
  })
  await seenAtLast(daemon, 'First', 'pgr-config')

  version('..v2', [marked('Second', 'pgr-config')])
  rmSync(join(folder, '..v1'), { recursive: true })
  await seenAtLast(daemon, 'Second', 'pgr-config')

  writeFileSync(join(folder, 'later.yaml'), '')
  renameSync(
    writeRules(temporaryDirectory(t), [marked('Third', 'pgr-third')]),
    join(folder, 'later.yaml'),
  )
  await seenAtLast(daemon, 'Third', 'pgr-third')
})

void t.test('rules with an error are refused, and the old ones go on', async (t) => {
  const daemon = await startDaemon(t, { rules: [marked('Good', 'pgr-good')] })
  const path = join(daemon.directory, 'rules.yaml')
  writeFileSync(
    path,
    '- rule: Bad\n  desc: it\n  condition: proc.nam = x\n  output: x\n  priority: INFO\n',
  )
  process.kill(daemon.pid, 'SIGHUP')
  const notice = await daemon.alert('refused', ({ source }) => source === 'internal')
  t.equal(notice.rule, 'Peregrine internal: rules refused')
  t.match(notice.output_fields.reason, `${path}:3:14`)
  await seenAtLast(daemon, 'Good', 'pgr-good')
  await until('the metric tells', async () => {
    const metrics = await askStatus(t, daemon.address)
    return metrics.some(({ name, labels, value }) => {
      return (
        name === 'peregrined_rules_reloads_total' &&
        labels.get('result') === 'refused' &&
        value >= 1
      )
    })
  })

  writeRules(daemon.directory, [marked('Better', 'pgr-better')])
  await seenAtLast(daemon, 'Better', 'pgr-better')
})

void t.test('what falco.yaml says of rules is taken over while it runs', async (t) => {
  const config = join(temporaryDirectory(t), 'falco.yaml')
  const choose = (choice: string): void => {
    writeFileSync(config, `rules:\n  - ${choice}: {rule: Chosen}\n`)
  }
  choose('disable')
  const rules = [marked('Chosen', 'pgr-chosen'), marked('Both', 'pgr')]
  const daemon = await startDaemon(t, {
    rules,
    args: ['-c', config, '--rule-matching', 'all'],
  })
  await seenAtLast(daemon, 'Both', 'pgr-chosen')
  t.notOk(daemon.alerts().some(({ rule }) => rule === 'Chosen'))

  choose('enable')
  await seenAtLast(daemon, 'Chosen', 'pgr-chosen')

  writeFileSync(config, 'rules:\n  - enble: {rule: Chosen}\n')
  const notice = await daemon.alert('refused', ({ source }) => source === 'internal')
  t.match(notice.output_fields.reason, `${config}:2:12: rules: \`enble\``)
  await seenAtLast(daemon, 'Chosen', 'pgr-chosen-still')
})
