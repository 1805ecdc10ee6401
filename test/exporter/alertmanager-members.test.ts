/** The direct way to several members, whatever each of them answers. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createNotifier } from '../../src/notify/index.js'
import { alertOf } from '../unit/support.js'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

interface Told {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

interface Member {
  readonly url: string
  status: number
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly alerts: readonly Told[] }[]
}

function isTold(value: unknown): value is readonly Told[] {
  return Array.isArray(value)
}

async function startMember(t: { teardown: (work: () => unknown) => void }): Promise<Member> {
  const requests: Member['requests'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      const alerts: unknown = JSON.parse(body)
      if (isTold(alerts) && request.url === '/path/api/v2/alerts') {
        requests.push({ headers: request.headers, alerts })
      }
      response.writeHead(member.status).end('said the member')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const member: Member = { url: `http://127.0.0.1:${port}/path`, status: 200, requests }
  return member
}

void t.test('every member is told, and one that fails is told again', async (t) => {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const daemon = await startDaemon(socket)
  t.teardown(daemon.stop)
  const members = await Promise.all([startMember(t), startMember(t), startMember(t)])
  const [well, failing, refusing] = members
  failing.status = 503
  refusing.status = 400
  writeFileSync(join(directory, 'token'), 'sesame\n')
  const urls = members.flatMap(({ url }) => ['--alertmanager-url', url])
  const login = ['--alertmanager-token-file', join(directory, 'token')]
  const args = ['--falco', socket, '--state-dir', ':temporary:', ...urls, ...login]
  const exporter = await runExporter(t, args)
  const time = { seconds: String(Math.floor(Date.now() / 1000)), nanos: 0 }
  const fields = { 'proc.aname[2]': 'sh', 'k8s.pod.name': 'cart-1' }
  daemon.append(wireAlert({ priority: 0, time, output_fields: fields }))
  const isTried = (member: Member, times: number): boolean =>
    member.requests.filter(({ alerts }) => alerts.length === 1).length >= times
  await until('all are told', () => members.every((member) => isTried(member, 1)))
  await until('one again and again', () => isTried(failing, 3))
  failing.status = 200
  await until('reachable', async () => {
    const member = `alertmanager="${failing.url}"`
    return sumOf(await exporter.metrics(), 'peregrine_notify_reachable', member) === 1
  })
  t.equal(refusing.requests.filter(({ alerts }) => alerts.length > 0).length, 1, '400 is final')
  const page = await exporter.metrics()
  t.equal(sumOf(page, 'peregrine_notify_refused_total'), 1)
  t.ok(sumOf(page, 'peregrine_notify_failures_total', failing.url) >= 2)
  t.match(exporter.log(), /"err":"Alertmanager answered 400: said the member"/)
  t.match(exporter.log(), /"err":"Alertmanager answered 503: said the member"/)
  t.match(
    await (await exporter.get('/state')).text(),
    /"since":"2[^}]*answered 400: said the member/,
  )
  const told = well.requests.at(-1)
  t.equal(told?.headers.authorization, 'Bearer sesame')
  t.same(told?.alerts[0]?.labels, {
    ...{ alertname: 'FalcoEvent', origin: 'peregrine', rule: 'Curl command executed' },
    ...{ priority: 'Emergency', severity: 'critical', source: 'syscall', hostname: 'node-a' },
    k8s_pod_name: 'cart-1',
  })
  t.match(told?.alerts[0]?.annotations, { field_proc_aname_2_: 'sh' }, 'only valid names')

  writeFileSync(join(directory, 'token'), 'tahini\n')
  exporter.reload()
  await until('another token', () => {
    daemon.append(wireAlert({ priority: 0, time, rule: `rule ${well.requests.length}` }))
    return well.requests.at(-1)?.headers.authorization === 'Bearer tahini'
  })
  t.notMatch(exporter.log(), /sesame|tahini/)
})

void t.test('sent again while active, then with its end, then no more', async (t) => {
  const member = await startMember(t)
  let now = Date.now()
  const notifier = createNotifier({
    ...{ urls: [new URL(member.url)], authorization: undefined, userAgent: 'test' },
    ...{ resolveMilliseconds: 60_000, maxAgeMilliseconds: 3_600_000, grafana: undefined },
    selection: () => ({ minPriority: 2, matchers: [] }),
    clock: () => now,
    changed: () => undefined,
    resendMilliseconds: 10,
  })
  const stop = new AbortController()
  const running = notifier.run(stop.signal)
  const note = (): void => {
    const timeNanoseconds = BigInt(now) * 1_000_000n
    notifier.note([alertOf({ priority: 2, timeNanoseconds })])
  }
  const last = (): Told | undefined => member.requests.at(-1)?.alerts[0]
  const started = new Date(now).toISOString()
  note()
  await until('told', () => last() !== undefined)
  const before = member.requests.length
  await until('again', () => member.requests.length > before + 1)
  t.equal(last()?.startsAt, started)

  now += 30_000
  note()
  const later = new Date(now + 60_000).toISOString()
  await until('its end moves on', () => last()?.endsAt === later)
  t.equal(last()?.startsAt, started, 'it is the same alert')

  now += 120_000
  const told = member.requests.length
  await until('its end is told', () => member.requests.length > told + 1)
  t.ok((last()?.endsAt ?? '') < new Date(now).toISOString(), 'resolved')
  now += 360_000
  await until('forgotten', () => notifier.health.active === 0)

  note()
  await until('told anew', () => (last()?.startsAt ?? '') > later)
  stop.abort()
  await running
})
