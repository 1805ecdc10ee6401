import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import t from 'tap'
import { runExporter, sumOf, until } from '../exporter/support/exporter.js'
import { startLoki } from '../exporter/support/loki.js'
import { startDaemon } from './support/daemon.js'

void t.test('a rule of one’s own becomes an alert, a metric and a line in Loki', async (t) => {
  const server = createServer((_request, response) => response.end('hello\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const daemon = await startDaemon(t, {
    withDefaultRules: true,
    rules: [
      {
        rule: 'Curl command executed',
        condition: 'spawned_process and proc.name == curl',
        output: 'Curl command executed: %proc.cmdline',
        priority: 'WARNING',
        tags: ['network'],
      },
    ],
  })
  const loki = await startLoki()
  t.teardown(loki.close)
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:', '--loki-url', loki.url],
  ])

  const url = `http://127.0.0.1:${port}/pgr-custom`
  const curl = spawnSync('curl', ['-s', '-m', '5', url], { env: { PATH: '/usr/bin:/bin' } })
  t.not(curl.error?.message, 'spawnSync curl ENOENT')

  const text = `Curl command executed: curl -s -m 5 ${url}`
  const alert = await daemon.alert('curl', ({ output }) => output.includes(text))
  t.match(alert, { rule: 'Curl command executed', priority: 'Warning', tags: ['network'] })
  t.equal(alert.output_fields['proc.cmdline'], `curl -s -m 5 ${url}`)
  const labels = ['rule="Curl command executed"', 'hostname="node-a"', 'source="syscall"']
  await until('counted', async () => {
    return sumOf(await exporter.metrics(), 'falco_events', ...labels) >= 1
  })
  await until('in Loki', () => loki.entries.some(({ line }) => line.includes(text)))
})
