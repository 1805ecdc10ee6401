import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

void t.test('counts what the journal has and what comes', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const daemon = await startDaemon(socket, {
    metrics: [
      {
        name: 'peregrined_events_total',
        help: 'Events.',
        type: 1,
        labels: { lane: 'busy' },
        value: 7,
      },
      { name: 'falco_events', help: 'A forged one.', type: 1, labels: {}, value: 99 },
    ],
  })
  t.teardown(daemon.stop)
  daemon.append(wireAlert(), wireAlert())
  const exporter = await runExporter(t, ['--falco', socket, '--state-dir', join(directory, 's')])
  await until('backlog counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)
  daemon.append(wireAlert({ rule: 'Another "rule"\nwith\\all', priority: 0, tags: [] }))
  await until('new one counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 3)

  const page = await exporter.metrics()
  t.match(
    page,
    'falco_events{rule="Curl command executed",priority="4",hostname="node-a",source="syscall",' +
      'tags=",network,process,",k8s_ns_name="shop",k8s_pod_name="cart-1"} 2\n',
  )
  t.match(page, 'falco_events{rule="Another \\"rule\\"?with\\\\all",priority="0"')
  t.equal((await exporter.get('/readyz')).status, 200)
  await until('status passed on', async () =>
    (await exporter.metrics()).includes(
      `peregrined_events_total{daemon="unix://${socket.slice(5)}",hostname="node-a",lane="busy"} 7`,
    ),
  )
  t.match(
    await exporter.metrics(),
    `peregrined_build_info{daemon="unix://${socket.slice(5)}",hostname="node-a",version="0.1.0"} 1\n`,
  )
  t.notMatch(await exporter.metrics(), 'A forged one')
  t.equal(await exporter.stop(), 0)
})

void t.test('resumes behind its position after cuts and restarts of either side', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const args = ['--falco', socket, '--state-dir', join(directory, 's')]
  const daemon = await startDaemon(socket)
  t.teardown(daemon.stop)
  const first = await runExporter(t, args)
  daemon.append(wireAlert(), wireAlert(), wireAlert())
  await until('three', async () => sumOf(await first.metrics(), 'falco_events') === 3)
  daemon.cut()
  daemon.append(wireAlert())
  await until('four', async () => sumOf(await first.metrics(), 'falco_events') === 4)
  t.same(daemon.requests.at(-1)?.resume_after, { stream_id: 'a'.repeat(32), sequence: '3' })
  await first.stop()
  daemon.append(wireAlert())
  const second = await runExporter(t, args)
  await until('five', async () => sumOf(await second.metrics(), 'falco_events') === 5)
  t.equal(daemon.requests.at(-1)?.resume_after?.sequence, '4')
  t.equal(sumOf(await second.metrics(), 'peregrine_alerts_duplicate_total'), 0)
})

void t.test('skips what it has, says what is missing, takes a new journal as new', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const args = ['--falco', socket, '--state-dir', join(directory, 's')]
  const forgetful = await startDaemon(socket, { forgetful: true })
  t.teardown(forgetful.stop)
  forgetful.append(wireAlert(), wireAlert())
  const exporter = await runExporter(t, args)
  await until('two', async () => sumOf(await exporter.metrics(), 'falco_events') === 2)
  forgetful.append(...Array.from({ length: 8 }, () => wireAlert()))
  await until('ten', async () => sumOf(await exporter.metrics(), 'falco_events') === 10)
  forgetful.cut()
  const duplicates = async (): Promise<number> =>
    sumOf(await exporter.metrics(), 'peregrine_alerts_duplicate_total')
  await until('ten skipped', async () => (await duplicates()) === 10)
  t.equal(sumOf(await exporter.metrics(), 'falco_events'), 10)
  forgetful.stop()

  const trimmed = await startDaemon(socket)
  t.teardown(trimmed.stop)
  trimmed.append(...Array.from({ length: 20 }, () => wireAlert()))
  trimmed.forgetUntil(15)
  const missed = async (reason: string): Promise<number> =>
    sumOf(await exporter.metrics(), 'peregrine_alerts_missed_total', `reason="${reason}"`)
  await until('15 known as missing', async () => (await missed('retention')) === 5)
  await until('rest counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 15)
  trimmed.stop()

  const fresh = await startDaemon(socket, { streamId: 'b'.repeat(32) })
  t.teardown(fresh.stop)
  fresh.append(wireAlert())
  await until('new journal', async () => sumOf(await exporter.metrics(), 'falco_events') === 16)
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_gaps_total', 'journal_lost'), 1)
  t.equal(sumOf(page, 'falco_events', 'internal'), 0, 'notices are no detections')
  t.equal(sumOf(page, 'peregrine_notices_total'), 2)
  const received = sumOf(page, 'peregrine_subscribe_alerts_received_total')
  const out = ['counted', 'duplicate', 'invalid'].reduce(
    (sum, what) => sum + sumOf(page, `peregrine_alerts_${what}_total`),
    sumOf(page, 'peregrine_notices_total') + sumOf(page, 'peregrine_alerts_waiting'),
  )
  t.equal(received, out, 'in = out + dropped + waiting')
})
