import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startFalco } from './support/falco.js'
import { wireAlert } from './support/services.js'

void t.test('polls a Falco that answers only when asked, and reads its "null"', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'falco.sock')}`
  const falco = await startFalco(socket)
  const none = { 'k8s.ns.name': 'null', 'k8s.pod.name': '<NA>', 'proc.name': 'sh' }
  falco.queue.push(wireAlert({ output_fields: none }))
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--hostname', 'fallback']
  const exporter = await runExporter(t, args)
  await until('backlog', async () => sumOf(await exporter.metrics(), 'falco_events') === 1)
  t.match(await exporter.metrics(), 'k8s_ns_name="",k8s_pod_name=""} 1')

  falco.queue.push(
    wireAlert({ hostname: '' }),
    wireAlert({ rule: 'Falco internal: syscall event drop', source: 'internal' }),
    wireAlert({ rule: '' }),
  )
  await until('later ones', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'falco_events', 'hostname="fallback"'), 1)
  t.equal(sumOf(page, 'peregrine_notices_total', 'syscall event drop'), 1)
  t.equal(sumOf(page, 'peregrine_alerts_invalid_total', 'rule_missing'), 1)

  falco.stop()
  await until('away', async () => (await exporter.get('/readyz')).status === 503)
  const again = await startFalco(socket)
  t.teardown(again.stop)
  again.queue.push(wireAlert())
  await until('back', async () => sumOf(await exporter.metrics(), 'falco_events') === 3)
  t.ok(again.requests() >= 1)
})

void t.test('what a Falco kept while nobody read comes in whole', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'falco.sock')}`
  const falco = await startFalco(socket)
  t.teardown(falco.stop)
  const backlog = 50_000
  const alert = wireAlert()
  for (let number = 0; number < backlog; number++) falco.queue.push(alert)
  const exporter = await runExporter(t, ['--falco', socket, '--state-dir', ':temporary:'])
  const isIn = async (): Promise<boolean> =>
    sumOf(await exporter.metrics(), 'peregrine_subscribe_alerts_received_total') === backlog
  await until('all came', isIn, 90_000)
  await until('nothing waits', async () => {
    return sumOf(await exporter.metrics(), 'peregrine_alerts_waiting') === 0
  })
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_subscribe_alerts_dropped_total'), 0)
  await until('all are counted', async () => {
    return sumOf(await exporter.metrics(), 'falco_events') === backlog
  })
})
