import { spawnSync } from 'node:child_process'
import t from 'tap'
import { runExporter, sumOf, until } from '../exporter/support/exporter.js'
import { startDaemon } from './support/daemon.js'

/** Would clear a terminal, forge a second line, and is no UTF-8. */
const HOSTILE = String.raw`$'pgr-hostile \e[2J\e]0;owned\a\r\nCritical: forged\x9b31m \xff\xfe"}\\'`

const RULES = [
  {
    rule: 'Hostile',
    condition: 'evt.type = execve and proc.args startswith "pgr-hostile"',
    output: 'hostile: %proc.args',
  },
  {
    rule: 'Afterwards',
    condition: 'evt.type = execve and proc.args = "pgr-harmless"',
    output: 'harmless',
  },
]

function doHostile(): void {
  spawnSync('/bin/bash', ['-c', `/bin/true ${HOSTILE}; /bin/true pgr-harmless`])
}

/** Has nothing that a terminal would obey. */
function isPrintable(text: string): boolean {
  return !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text)
}

void t.test('hostile bytes break no JSON line, no metric and no exporter', async (t) => {
  const daemon = await startDaemon(t, { rules: RULES })
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address],
    ...['--state-dir', ':temporary:'],
  ])
  doHostile()
  await daemon.alert('the next one', ({ rule }) => rule === 'Afterwards')
  t.equal(daemon.lines().length, 2, 'a line per alert')
  const hostile = await daemon.alert('Hostile', ({ rule }) => rule === 'Hostile')
  t.match(hostile.output_fields['proc.args'], /^pgr-hostile /)
  t.ok(daemon.lines().every(isPrintable))

  await until('both counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: await exporter.metrics() })
  // 3 is for names that promtool would choose otherwise; 1 is for a page that it cannot read.
  t.not(checked.status, 1, checked.stderr.toString())
  t.equal((await exporter.get('/')).status, 200)
})

void t.test('hostile bytes reach no terminal', async (t) => {
  const daemon = await startDaemon(t, { rules: RULES, stdout: 'text' })
  doHostile()
  await until('both are told', () => daemon.lines().some((line) => line.includes('harmless')))
  t.equal(daemon.lines().length, 2, 'a line per alert')
  t.ok(daemon.lines().every(isPrintable))
  t.match(daemon.lines()[0], 'hostile: pgr-hostile')
})
