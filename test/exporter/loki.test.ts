import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isEmpty, numbered, startEnds } from './support/ends.js'
import { runExporter, sumOf, until } from './support/exporter.js'
import { type ScriptedAnswer } from './support/loki.js'
import { wireAlert } from './support/services.js'

void t.test('pushes labels, line and structured metadata in the push format', async (t) => {
  const { directory, socket, daemon, loki } = await startEnds(t)
  const password = join(directory, 'password')
  writeFileSync(password, 'secret\n')
  const login = ['--loki-user', 'me', '--loki-password-file', password, '--loki-tenant', 'team-a']
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url, ...login]
  const seconds = String(Math.floor(Date.now() / 1000))
  daemon.append(
    wireAlert({
      time: { seconds, nanos: 123_456_789 },
      output: 'curl \u001b[31m ran',
      output_fields: { 'proc.aname[2]': 'sh', rule: 'x' },
    }),
    wireAlert({ priority: 2, output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': 'cart-1' } }),
    wireAlert({ output: 'é'.repeat(150_000) }),
  )
  const exporter = await runExporter(t, args)
  await until('three entries', () => loki.entries.length === 3)
  const delays = ['peregrine_alerts_delay_seconds_count', 'peregrine_ship_delay_seconds_count']
  await until('their delays are told', async () => {
    const page = await exporter.metrics()
    return delays.every((name) => sumOf(page, name) >= 1)
  })
  t.same(loki.faults, [])
  const [plain, critical, long] = loki.entries
  t.same(plain, {
    stream: { service_name: 'falco', source: 'syscall', priority: 'Warning', hostname: 'node-a' },
    time: `${seconds}123456789`,
    line: 'curl \ufffd[31m ran',
    metadata: {
      detected_level: 'warn',
      event_id: `${'a'.repeat(32)}:1`,
      rule: 'Curl command executed',
      tags: 'network,process',
      proc_aname_2: 'sh',
      field_rule: 'x',
    },
  })
  t.match(critical, {
    stream: { priority: 'Critical', k8s_ns_name: 'shop', k8s_pod_name: 'cart-1' },
    metadata: { detected_level: 'critical' },
  })
  t.equal(critical?.metadata.k8s_pod_name, undefined, 'a label is not metadata too')
  t.ok(long?.line.endsWith('…'))
  t.ok(Buffer.byteLength(long?.line ?? '') <= 200_000)
  t.equal(long?.metadata.line_bytes, '300000')
  t.match(loki.pushes[0]?.headers, {
    authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
    'x-scope-orgid': 'team-a',
    'content-type': 'application/json',
    'user-agent': /^peregrine\/\d/,
  })

  writeFileSync(password, 'changed\n')
  exporter.reload()
  await until('reloaded', async () => {
    return sumOf(await exporter.metrics(), 'peregrine_config_reloads_total', 'succeeded') === 1
  })
  daemon.append(wireAlert({ output: 'with the new password' }))
  await until('another entry', () => loki.entries.length === 4)
  t.match(loki.pushes.at(-1)?.headers, {
    authorization: `Basic ${Buffer.from('me:changed').toString('base64')}`,
  })
})

interface Case {
  readonly name: string
  readonly answers: readonly ScriptedAnswer[]
  readonly stored: number
  readonly outcome: string
  readonly dropped?: readonly [reason: string, count: number]
}

const CASES: readonly Case[] = [
  {
    name: '200 is success too',
    answers: [{ status: 200, stores: true }],
    stored: 3,
    outcome: 'accepted',
  },
  { name: '500 is tried again', answers: [{ status: 500 }], stored: 3, outcome: 'later' },
  {
    name: '503 that stored all the same is not doubled',
    answers: [{ status: 503, stores: true }],
    stored: 3,
    outcome: 'later',
  },
  {
    name: 'cut without answer',
    answers: [{ status: 0, stores: true }],
    stored: 3,
    outcome: 'later',
  },
  {
    name: '429 with a delay',
    answers: [{ status: 429, headers: { 'retry-after': '1' } }],
    stored: 3,
    outcome: 'later',
  },
  {
    name: '400 names one of three',
    answers: [
      {
        status: 400,
        stores: true,
        text: 'entry has timestamp too old, total ignored: 1 out of 3 for stream: {}',
      },
    ],
    stored: 3,
    outcome: 'rejected',
    dropped: ['rejected', 1],
  },
  {
    name: '400 of the whole',
    answers: [{ status: 400, text: 'cannot parse' }],
    stored: 0,
    outcome: 'rejected',
    dropped: ['rejected', 3],
  },
  {
    name: '422',
    answers: [{ status: 422 }],
    stored: 0,
    outcome: 'rejected',
    dropped: ['rejected', 3],
  },
  { name: '413 is halved', answers: [{ status: 413 }], stored: 3, outcome: 'too_large' },
  {
    name: '413 down to single entries',
    answers: [{ status: 413 }, { status: 413 }, { status: 413 }, { status: 413 }],
    stored: 1,
    outcome: 'too_large',
    dropped: ['too_large', 2],
  },
]

for (const { name, answers, stored, outcome, dropped } of CASES) {
  void t.test(`answer: ${name}`, async (t) => {
    const { socket, daemon, loki } = await startEnds(t)
    loki.script.push(...answers)
    daemon.append(...numbered(3))
    const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
    const exporter = await runExporter(t, args)
    await until('outbox emptied', async () => {
      const page = await exporter.metrics()
      return sumOf(page, 'peregrine_ship_entries_total') === 3 && isEmpty(page)
    })
    t.equal(loki.entries.length, stored)
    t.same(loki.faults, [])
    const page = await exporter.metrics()
    t.ok(sumOf(page, 'peregrine_ship_pushes_total', `outcome="${outcome}"`) >= 1)
    const [reason, count] = dropped ?? ['rejected', 0]
    t.equal(sumOf(page, 'peregrine_ship_dropped_entries_total', `reason="${reason}"`), count)
    const accepted = sumOf(page, 'peregrine_ship_accepted_entries_total')
    t.equal(accepted + sumOf(page, 'peregrine_ship_dropped_entries_total'), 3)
  })
}

for (const status of [260, 401, 403, 404]) {
  void t.test(`${status} holds everything, in order, and a restart changes no byte`, async (t) => {
    const { directory, socket, daemon, loki } = await startEnds(t)
    loki.usual = { status }
    daemon.append(...numbered(50))
    const state = join(directory, 'state')
    const args = ['--falco', socket, '--state-dir', state, '--loki-url', loki.url]
    const first = await runExporter(t, args)
    await until('held', async () => {
      return sumOf(await first.metrics(), 'peregrine_ship_pushes_total', 'outcome="held"') >= 1
    })
    daemon.append(...numbered(50, 50))
    await until('all in the outbox', async () => {
      return sumOf(await first.metrics(), 'peregrine_ship_waiting_entries') === 100
    })
    t.equal(loki.entries.length, 0)
    await first.kill()
    loki.usual = { status: 204 }
    await runExporter(t, args)
    await until('all shipped', () => loki.entries.length === 100)
    t.same(
      loki.entries.map(({ line }) => line),
      numbered(100).map(({ output }) => output),
    )
    t.ok(loki.pushes.at(-1)?.body.includes((loki.pushes[0]?.body ?? '').slice(12, -2)))
  })
}

void t.test('a full outbox gives up its oldest entries, and counts them', async (t) => {
  const { socket, daemon, loki } = await startEnds(t, { batchLimit: 10 })
  loki.usual = { status: 500 }
  const args = ['--falco', socket, '--state-dir', ':temporary:', '--loki-url', loki.url]
  const exporter = await runExporter(t, [...args, '--outbox-size', '2KB'])
  for (let from = 0; from < 500; from += 10) daemon.append(...numbered(10, from))
  await until('counted', async () => sumOf(await exporter.metrics(), 'falco_events') === 500)
  const page = await exporter.metrics()
  const dropped = sumOf(page, 'peregrine_ship_dropped_entries_total', 'outbox_full')
  const waiting = sumOf(page, 'peregrine_ship_waiting_entries')
  t.ok(dropped > 0)
  t.equal(dropped + waiting, 500)
  t.ok(sumOf(page, 'peregrine_ship_waiting_bytes') < 2_500)
  loki.usual = { status: 204 }
  await until('rest shipped', async () => isEmpty(await exporter.metrics()))
  t.equal(loki.entries.length, waiting)
  t.equal(loki.entries.at(-1)?.line, 'alert 499')
})
