import { spawnSync } from 'node:child_process'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { askVersion, getStandard, subscribeStandard } from './support/client.js'
import { startDaemon, type RuleText } from './support/daemon.js'

const RULES: readonly RuleText[] = [
  {
    rule: 'Marked',
    condition: 'evt.type = execve and proc.args startswith "pgr-standard"',
    output: 'ran %proc.args',
  },
]

function run(number: number): void {
  spawnSync('/bin/true', ['pgr-standard', String(number)])
}

function texts(responses: readonly { readonly output: string }[]): readonly string[] {
  return responses.map(({ output }) => /ran pgr-standard (\d+)\b/.exec(output)?.[1] ?? output)
}

void t.test('a client of the old manner gets each alert once, over reconnects', async (t) => {
  const options = { rules: RULES, directory: temporaryDirectory(t) }
  const daemon = await startDaemon(t, options)
  const first = subscribeStandard(t, daemon.address)
  run(1)
  run(2)
  await until('two came', () => first.received.length >= 2)
  t.same(texts(first.received), ['1', '2'])
  t.match(first.received[0], { rule: 'Marked', source: 'syscall' })
  first.close()

  // While nobody listens.
  run(3)
  await until('told', () => daemon.alerts().length >= 3)
  const second = subscribeStandard(t, daemon.address)
  run(4)
  await until('two more came', () => second.received.length >= 2)
  t.same(texts(second.received), ['3', '4'])
  second.close()

  // And over a restart.
  run(5)
  await until('told', () => daemon.alerts().length >= 5)
  await daemon.stop()
  const again = await startDaemon(t, options)
  const third = subscribeStandard(t, again.address)
  run(6)
  await until('the rest came', () => third.received.length >= 2)
  t.same(texts(third.received), ['5', '6'])
})

void t.test('get gives what waits, once', async (t) => {
  const daemon = await startDaemon(t, { rules: RULES })
  run(1)
  run(2)
  await until('told', () => daemon.alerts().length >= 2)
  t.same(texts(await getStandard(t, daemon.address)), ['1', '2'])
  t.same(await getStandard(t, daemon.address), [])
  run(3)
  await until('told', () => daemon.alerts().length >= 3)
  t.same(texts(await getStandard(t, daemon.address)), ['3'])
})

void t.test('the version service answers', async (t) => {
  const daemon = await startDaemon(t, { rules: RULES })
  const answer = await askVersion(t, daemon.address)
  t.match(answer.version, /^\d+\.\d+\.\d+/)
  t.match(answer, { major: Number, minor: Number, patch: Number })
})
