import { join } from 'node:path'
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js'
import t from 'tap'
import { parseDaemonAddress } from '../../src/subscribe/address.js'
import { subscribeBatched } from '../../src/subscribe/batched.js'
import { createChannel } from '../../src/subscribe/channel.js'
import { subscribeStandard } from '../../src/subscribe/standard.js'
import {
  createHealth,
  runSubscription,
  type Delivery,
  type SubscriptionHealth,
} from '../../src/subscribe/index.js'
import { startDaemon } from './support/peregrined.js'
import { temporaryDirectory, until } from './support/exporter.js'
import { serve, wireAlert } from './support/services.js'

type Address = Exclude<ReturnType<typeof parseDaemonAddress>, undefined>

function addressOf(target: string): Address {
  const address = parseDaemonAddress(target)
  if (address === undefined) throw new Error(target)
  return address
}

void t.test('a line that says nothing at all is given up', async (t) => {
  const target = `unix:${join(temporaryDirectory(t), 's')}`
  const silent = { Subscribe: () => undefined, Status: () => undefined }
  const { server } = await serve({ 'peregrine.alerts.v1.Alerts': silent }, target)
  t.teardown(() => {
    server.forceShutdown()
  })
  const client = createChannel(addressOf(target), undefined)
  t.teardown(() => {
    client.close()
  })
  const { signal } = new AbortController()
  const options = { resumeAfter: undefined, signal, silenceLimitMilliseconds: 200 }
  const reading = (async () => {
    for await (const batch of subscribeBatched(client, options)) t.fail('a batch', { batch })
  })()
  await t.rejects(reading, { message: 'the daemon was silent for 0.2 s' })
})

void t.test('a reader that takes its time is not a silent daemon', async (t) => {
  const target = `unix:${join(temporaryDirectory(t), 's')}`
  const daemon = await startDaemon(target, { batchLimit: 1 })
  t.teardown(daemon.stop)
  daemon.append(wireAlert(), wireAlert())
  const client = createChannel(addressOf(target), undefined)
  const stop = new AbortController()
  const options = { resumeAfter: undefined, signal: stop.signal, silenceLimitMilliseconds: 150 }
  const reading = (async () => {
    let batches = 0
    for await (const batch of subscribeBatched(client, options)) {
      if (batch === undefined) t.fail('undecodable')
      await new Promise((resolve) => setTimeout(resolve, 400))
      if (++batches === 3) return batches
    }
    return batches
  })()
  t.equal(await reading, 3)
  client.close()
})

for (const [what, bounds] of [
  ['number', { capacity: 100 }],
  ['bytes', { capacityBytes: 20_000 }],
] as const) {
  void t.test(
    `Falco is never held back: over the bound in ${what}, alerts are dropped and counted`,
    async (t) => {
      const target = `unix:${join(temporaryDirectory(t), 's')}`
      let isWritten = false
      const sub = (call: ServerDuplexStream<object, object>): void => {
        call.once('data', () => {
          for (let index = 0; index < 1_000; index++) call.write(wireAlert({ rule: `r${index}` }))
          isWritten = true
        })
        call.on('error', () => undefined)
      }
      const { server } = await serve({ 'falco.outputs.service': { sub } }, target)
      t.teardown(() => {
        server.forceShutdown()
      })
      const client = createChannel(addressOf(target), undefined)
      t.teardown(() => {
        client.close()
      })
      const { signal } = new AbortController()
      let dropped = 0
      let taken = 0
      const options = { signal, ...bounds, dropped: (count: number) => (dropped += count) }
      for await (const alerts of subscribeStandard(client, options)) {
        taken += alerts.length
        if (taken === alerts.length) {
          // Slow on the first: everything else arrives meanwhile.
          await until('all written', () => isWritten)
          await until('some dropped', () => dropped > 0)
        }
        if (taken + dropped === 1_000) break
      }
      t.ok(dropped > 0)
      t.equal(taken + dropped, 1_000)
    },
  )
}

void t.test('garbage for messages is counted as such, and the stream goes on', async (t) => {
  const target = `unix:${join(temporaryDirectory(t), 's')}`
  const garbage = {
    // A batch whose alert has no rule and an impossible priority.
    Subscribe(call: ServerWritableStream<object, object>) {
      call.write({ alerts: [wireAlert({ priority: 99 }), wireAlert()], newest: null })
    },
    Status: () => undefined,
  }
  const { server } = await serve({ 'peregrine.alerts.v1.Alerts': garbage }, target)
  t.teardown(() => {
    server.forceShutdown()
  })
  const deliveries: Delivery[] = []
  const stop = new AbortController()
  const health = createHealth('d')
  const running = runSubscription(health, toOptions(target, deliveries), stop.signal)
  await until('delivered', () => deliveries.length === 1)
  t.match(deliveries[0]?.alerts, [
    { kind: 'invalid', reason: 'priority_unknown' },
    { kind: 'detection' },
  ])
  t.match(health, { connected: true, protocol: 'batched', received: 2 })
  stop.abort()
  await running
})

void t.test('attempts grow apart, and one good message makes them near again', async (t) => {
  const target = `unix:${join(temporaryDirectory(t), 's')}`
  const asked: number[] = []
  const stop = new AbortController()
  const health: SubscriptionHealth = createHealth('d')
  const options = {
    ...toOptions(target, []),
    backoff: { firstMilliseconds: 1, limitMilliseconds: 8 },
    random: () => {
      asked.push(health.reconnects)
      return 1
    },
  }
  const running = runSubscription(health, options, stop.signal)
  await until('several attempts', () => health.reconnects >= 5)
  t.match(health.awayFor, /^no socket at .*: is the daemon running/)
  const daemon = await startDaemon(target)
  t.teardown(daemon.stop)
  await until('connected', () => health.connected)
  t.equal(health.awayFor, undefined)
  t.match(health.lastError, { text: /^no socket at/, atMilliseconds: Number }, 'and is remembered')
  const before = health.reconnects
  daemon.cut()
  await until('again', () => health.reconnects > before && health.connected)
  stop.abort()
  await running
  t.equal(health.connected, false)
})

function toOptions(target: string, deliveries: Delivery[]): Parameters<typeof runSubscription>[1] {
  return {
    address: addressOf(target),
    tls: undefined,
    fallbackHostname: 'h',
    position: () => undefined,
    take: (delivery) => {
      if (delivery.alerts.length > 0) deliveries.push(delivery)
      return Promise.resolve()
    },
    changed: () => undefined,
    clock: Date.now,
  }
}
