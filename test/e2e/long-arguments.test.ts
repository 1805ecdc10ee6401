import { spawnSync } from 'node:child_process'
import t from 'tap'
import { deed, startDaemon } from './support/daemon.js'

const KIB = 1024
const MIB = 1024 * KIB

void t.test('16 KiB of arguments arrive whole', async (t) => {
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Long',
        condition: 'evt.type = execve and proc.args startswith "pgr-long-16k"',
        output: '%proc.args %evt.truncated',
      },
    ],
  })
  const long = `${'y'.repeat(16 * KIB - 1)}z`
  spawnSync('/bin/true', ['pgr-long-16k', long, 'end'])
  const { output_fields: fields } = await daemon.alert('Long', () => true)
  t.equal(fields['proc.args'], `pgr-long-16k ${long} end`)
  t.equal(fields['evt.truncated'], false)
})

void t.test('6 MiB of arguments are cut, flagged, and survived', async (t) => {
  const daemon = await startDaemon(t, {
    rules: [
      {
        rule: 'Longest',
        condition: 'evt.type = execve and proc.args startswith "pgr-long-6m"',
        output: '%proc.args %evt.truncated',
      },
      {
        rule: 'Next',
        condition: 'evt.type = execve and proc.args = "pgr-long-next"',
        output: '%proc.args %evt.truncated',
      },
    ],
  })
  deed('long-arguments', '/bin/true', 'pgr-long-6m', String(6 * MIB - 16 * KIB))
  const { output_fields: fields } = await daemon.alert('Longest', ({ rule }) => rule === 'Longest')
  t.equal(fields['evt.truncated'], true)
  const args = String(fields['proc.args'])
  t.ok(args.length >= 4 * KIB && args.length < 128 * KIB, `${args.length} characters are kept`)
  spawnSync('/bin/true', ['pgr-long-next'])
  const next = await daemon.alert('the next exec', ({ rule }) => rule === 'Next')
  t.equal(next.output_fields['evt.truncated'], false)
})
