/**
 * How many alerts per second reach the counters, by protocol, and Loki.
 *
 *   node dist/bench/exporter.js [alerts]
 *   node dist/bench/exporter.js memory [seconds]   resident memory at 5,000 alerts a second, with Loki
 *   node dist/bench/exporter.js scrape [series]    time of a scrape, and the longest stall during it
 *   node dist/bench/exporter.js intake [alerts]    one alert a request, keep-alive, durable
 *
 * The exporter runs as a process of its own; so does the server, which has encoded everything
 * before it begins and so is no limit (see the floor: the same stream read and thrown away).
 * Alerts have 20 fields and at least 900 bytes, over 200 series.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { Agent, request } from 'undici'
import { figuresOf, printTable, quantile } from './support.js'

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url))
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url))
const BATCH = 512
const SERIES = 200

interface Figure {
  readonly what: string
  readonly perSecond: number
  readonly cpuMicrosecondsPerAlert?: number
  readonly residentMiB?: number
}

async function runAll(alerts: number): Promise<void> {
  const figures: Figure[] = [
    await measureFloor(alerts),
    await measure('our batched method into counters', 'batched', alerts, false),
    await measure("Falco's standard method into counters", 'standard', alerts, false),
    await measure('our batched method, acknowledged by Loki', 'batched', alerts, true),
  ]
  process.stdout.write(`${cpus()[0]?.model ?? ''} × ${cpus().length}, Node ${process.version}, `)
  process.stdout.write(`${alerts} alerts of ${encodeAlert(0).length} bytes, ${SERIES} series\n\n`)
  process.stdout.write('| What | alerts/s | CPU µs/alert | resident MiB |\n|---|---|---|---|\n')
  for (const { what, perSecond, cpuMicrosecondsPerAlert, residentMiB } of figures) {
    const cells = [Math.round(perSecond), cpuMicrosecondsPerAlert?.toFixed(1), residentMiB]
    process.stdout.write(`| ${what} | ${cells.map((cell) => cell ?? '').join(' | ')} |\n`)
  }
}

/** The same batches read by grpc-js and thrown away undecoded. */
async function measureFloor(alerts: number): Promise<Figure> {
  return withServer('batched', alerts, async (address) => {
    const client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    })
    const bytesOf = (bytes: Buffer): Buffer => bytes
    const method = '/peregrine.alerts.v1.Alerts/Subscribe'
    const call = client.makeServerStreamRequest(method, bytesOf, bytesOf, Buffer.alloc(0))
    const batches = Math.ceil(alerts / BATCH)
    const begun = performance.now()
    let seen = 0
    await new Promise<void>((resolve) => {
      call.on('data', () => {
        if (++seen === batches) resolve()
      })
      call.on('error', () => undefined)
    })
    const perSecond = alerts / ((performance.now() - begun) / 1000)
    call.cancel()
    client.close()
    return { what: 'floor: batches read by grpc-js, not decoded', perSecond }
  })
}

async function measure(
  what: string,
  protocol: 'batched' | 'standard',
  alerts: number,
  toLoki: boolean,
): Promise<Figure> {
  const state = mkdtempSync(join(tmpdir(), 'peregrine-bench-'))
  const loki = toLoki ? await startSink() : undefined
  try {
    return await withServer(protocol, alerts, async (address) => {
      const flags = ['--falco', address, '--state-dir', state, '--listen', '127.0.0.1:0']
      if (loki !== undefined) flags.push('--loki-url', loki.url)
      const exporter = startExporter(flags)
      const page = await listening(exporter)
      const metric = toLoki
        ? 'peregrine_ship_accepted_entries_total'
        : 'peregrine_alerts_counted_total'
      const { seconds, text } = await untilCounted(page, metric, alerts)
      const cpu = read(text, 'process_cpu_seconds_total')
      const residentMiB = Math.round(read(text, 'process_resident_memory_bytes') / 2 ** 20)
      exporter.kill('SIGKILL')
      const cpuMicrosecondsPerAlert = (cpu / alerts) * 1e6
      return { what, perSecond: alerts / seconds, cpuMicrosecondsPerAlert, residentMiB }
    })
  } finally {
    loki?.close()
    rmSync(state, { recursive: true, force: true })
  }
}

/** From the first counted alert to the last; dropped ones would never let it end. */
async function untilCounted(
  page: string,
  metric: string,
  alerts: number,
): Promise<{ readonly seconds: number; readonly text: string }> {
  let begun: number | undefined
  let before = 0
  for (;;) {
    const text = await (await fetch(`${page}/metrics`)).text()
    const done = read(text, metric)
    if (done > 0 && begun === undefined) {
      begun = performance.now()
      before = done
    }
    const dropped = read(text, 'peregrine_subscribe_alerts_dropped_total')
    if (begun !== undefined && done + dropped >= alerts) {
      if (dropped > 0) process.stdout.write(`(${dropped} dropped)\n`)
      const share = (alerts - before) / alerts
      return { seconds: (performance.now() - begun) / 1000 / share, text }
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function read(text: string, metric: string): number {
  return Number(new RegExp(`^${metric}(?:\\{.*\\})? (.*)$`, 'm').exec(text)?.[1] ?? 0)
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.stderr?.on('data', (part: Buffer) => {
      const found = /"address":"([^"]+)"/.exec(part.toString())?.[1]
      if (found !== undefined) resolve(found)
    })
  })
}

async function withServer<T>(
  protocol: 'batched' | 'standard' | 'paced',
  alerts: number,
  work: (address: string) => Promise<T>,
): Promise<T> {
  const path = join(tmpdir(), `peregrine-bench-${process.pid}.sock`)
  rmSync(path, { force: true })
  const server = fork(fileURLToPath(import.meta.url), [protocol, `unix:${path}`, String(alerts)])
  await new Promise((resolve) => server.once('message', resolve))
  try {
    return await work(`unix:${path}`)
  } finally {
    server.kill('SIGKILL')
    rmSync(path, { force: true })
  }
}

async function startSink(): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

// The server's side.

async function serveAlerts(protocol: string, address: string, alerts: number): Promise<void> {
  const server = new Server()
  const raw = (bytes: Buffer): Buffer => bytes
  const shape = {
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  }
  const isBatched = protocol === 'batched'
  const path = isBatched ? '/peregrine.alerts.v1.Alerts/Subscribe' : '/falco.outputs.service/sub'
  const service: ServiceDefinition = {
    call: { path, requestStream: !isBatched, responseStream: true, ...shape },
  }
  const messages = isBatched ? encodeBatches(alerts) : encodeSingles(alerts)
  let next = 0
  interface Call {
    on(event: string, listener: () => void): void
    write(message: Buffer): boolean
  }
  const send = (call: Call): void => {
    for (let message = messages[next]; message !== undefined; message = messages[next]) {
      next++
      if (!call.write(message)) return
    }
  }
  server.addService(service, {
    call(call: Call) {
      next = 0
      call.on('drain', () => {
        send(call)
      })
      call.on('error', () => undefined)
      if (isBatched) send(call)
      else {
        call.on('data', () => {
          send(call)
        })
      }
    },
  })
  await new Promise<void>((resolve) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), () => {
      resolve()
    })
  })
  process.send?.('ready')
}

function loadRoot(): protobuf.Root {
  const root = new protobuf.Root()
  root.resolvePath = (_origin, file) => (file.startsWith('google/') ? file : join(PROTO, file))
  return root.loadSync(['peregrine/alerts.proto', 'falco/outputs.proto'], { keepCase: true })
}

function encodeAlert(index: number): Uint8Array {
  types ??= loadRoot()
  const type = types.lookupType('falco.outputs.response')
  const fields: Record<string, string> = {
    'k8s.ns.name': 'shop',
    'k8s.pod.name': `cart-${index % SERIES}`,
  }
  for (let field = 0; field < 18; field++)
    fields[`proc.field.${field}`] = `value ${field} of ${index}`
  const message = {
    time: { seconds: Math.floor(Date.now() / 1000), nanos: index % 1_000_000_000 },
    priority: index % 8,
    rule: `Rule number ${index % 10}`,
    output: `Sensitive file opened for reading by an untrusted program ${'(some detail) '.repeat(10)}${index}`,
    output_fields: fields,
    hostname: 'node-a.example.org',
    tags: ['container', 'filesystem', 'mitre_credential_access'],
    source: 'syscall',
    position: { stream_id: 'f'.repeat(32), sequence: index + 1 },
  }
  return type.encode(type.fromObject(message)).finish()
}
let types: protobuf.Root | undefined

function encodeSingles(alerts: number): Buffer[] {
  return Array.from({ length: alerts }, (_, index) => Buffer.from(encodeAlert(index)))
}

function encodeBatches(alerts: number): Buffer[] {
  const batches: Buffer[] = []
  for (let from = 0; from < alerts; from += BATCH) {
    const writer = protobuf.Writer.create()
    for (let index = from; index < Math.min(alerts, from + BATCH); index++) {
      writer.uint32((1 << 3) | 2).bytes(encodeAlert(index))
    }
    batches.push(Buffer.from(writer.finish()))
  }
  return batches
}

const RATE = 5_000

/** The same batches again and again, a tenth of a second's worth at a time. */
async function servePaced(address: string): Promise<void> {
  const server = new Server()
  const raw = (bytes: Buffer): Buffer => bytes
  const service: ServiceDefinition = {
    call: {
      path: '/peregrine.alerts.v1.Alerts/Subscribe',
      requestStream: false,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  }
  let next = 0
  server.addService(service, {
    call(call: { write(message: Buffer): boolean; on(event: string, work: () => void): void }) {
      const timer = setInterval(() => {
        const writer = protobuf.Writer.create()
        for (let count = 0; count < RATE / 10; count++) {
          writer.uint32((1 << 3) | 2).bytes(encodeAlert(next++))
        }
        call.write(Buffer.from(writer.finish()))
      }, 100)
      call.on('cancelled', () => {
        clearInterval(timer)
      })
      call.on('error', () => undefined)
    },
  })
  await new Promise<void>((resolve) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), () => {
      resolve()
    })
  })
  process.send?.('ready')
}

/** The greatest resident memory that the kernel saw, and the last. */
async function measureMemory(seconds: number): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'peregrine-bench-'))
  const loki = await startSink()
  await withServer('paced', 0, async (address) => {
    const flags = ['--falco', address, '--state-dir', state, '--listen', '127.0.0.1:0']
    const exporter = startExporter([...flags, '--loki-url', loki.url])
    const page = await listening(exporter)
    let most = 0
    for (let second = 0; second < seconds; second++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      most = Math.max(most, figuresOf(exporter.pid ?? 0).residentMiB)
    }
    const text = await (await fetch(`${page}/metrics`)).text()
    const { residentMiB, cpuSeconds } = figuresOf(exporter.pid ?? 0)
    const accepted = read(text, 'peregrine_ship_accepted_entries_total')
    exporter.kill('SIGKILL')
    printTable(
      ['alerts/s acknowledged', 'resident MiB, last', 'most', 'CPU, % of one'],
      [
        [accepted / seconds, residentMiB, most, (100 * cpuSeconds) / seconds].map((figure) =>
          Math.round(figure),
        ),
      ],
    )
  })
  loki.close()
  rmSync(state, { recursive: true, force: true })
}

/** As `npm run exporter` starts it. */
function nodeFlags(): readonly string[] {
  return ['--max-semi-space-size=16', '--max-old-space-size=256']
}

/** As `npm run exporter` sets them: freed bodies go back to the kernel at once. */
const MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '262144',
}

/** Posts over 64 kept connections, one alert a request, and waits for each answer. */
async function measureIntake(alerts: number): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'peregrine-bench-'))
  const flags = ['--falco', 'none', '--intake-listen', '127.0.0.1:9385', '--state-dir', state]
  const exporter = startExporter(['--listen', '127.0.0.1:0', ...flags])
  await listening(exporter)
  const fields = Object.fromEntries(
    Array.from({ length: 20 }, (_, field) => [`proc.field.${field}`, `value ${field} of an alert`]),
  )
  const agent = new Agent({ connections: 64 })
  const post = async (index: number): Promise<void> => {
    const body = JSON.stringify({
      hostname: 'node-a',
      rule: `Rule number ${index % 200}`,
      priority: 'Warning',
      source: 'syscall',
      output: 'Sensitive file opened for reading by an untrusted program',
      tags: ['container'],
      time: new Date().toISOString(),
      output_fields: fields,
    })
    const options = { method: 'POST' as const, dispatcher: agent, body }
    const answer = await request('http://127.0.0.1:9385/', options)
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`)
  }
  let next = 0
  const begun = performance.now()
  const work = async (): Promise<void> => {
    while (next < alerts) await post(next++)
  }
  await Promise.all(Array.from({ length: 64 }, work))
  const seconds = (performance.now() - begun) / 1000
  const { cpuSeconds } = figuresOf(exporter.pid ?? 0)
  exporter.kill('SIGKILL')
  await agent.destroy()
  rmSync(state, { recursive: true, force: true })
  printTable(
    ['alerts/s answered, durable', 'CPU µs/alert'],
    [[Math.round(alerts / seconds), ((cpuSeconds / alerts) * 1e6).toFixed(1)]],
  )
}

/** Time of one scrape, plain and compressed; and how long other requests waited during it. */
async function measureScrape(series: number): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'peregrine-bench-'))
  const flags = ['--falco', 'none', '--intake-listen', '127.0.0.1:9385', '--state-dir', state]
  const budget = ['--series-budget', String(5 * series), '--listen', '127.0.0.1:0']
  const exporter = startExporter([...flags, ...budget])
  const page = await listening(exporter)
  for (let from = 0; from < series; from += 1_000) {
    const all = Array.from({ length: 1_000 }, (_, index) => ({
      rule: `Sensitive file opened for reading, number ${(from + index) % 100}`,
      priority: 'Warning',
      hostname: 'node-a.example.org',
      tags: ['container', 'filesystem', 'mitre_credential_access'],
      output_fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': `cart-${from + index}` },
    }))
    await fetch('http://127.0.0.1:9385/', { method: 'POST', body: JSON.stringify(all) })
  }
  const rows: (string | number)[][] = []
  for (const encoding of ['identity', 'gzip']) {
    const over = new AbortController()
    let longest = 0
    const probe = (async () => {
      while (!over.signal.aborted) {
        const begun = performance.now()
        await (await fetch(`${page}/healthz`)).text()
        longest = Math.max(longest, performance.now() - begun)
      }
    })()
    const times: number[] = []
    for (let round = 0; round < 5; round++) {
      const begun = performance.now()
      const answer = await request(`${page}/metrics`, { headers: { 'accept-encoding': encoding } })
      await answer.body.dump({ limit: 1e9 })
      times.push(performance.now() - begun)
    }
    over.abort()
    await probe
    rows.push([encoding, Math.round(quantile(times)), Math.round(longest)])
  }
  exporter.kill('SIGKILL')
  rmSync(state, { recursive: true, force: true })
  printTable([`${series} series`, 'scrape, ms (median of 5)', 'longest other request, ms'], rows)
}

function startExporter(flags: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...nodeFlags(), MAIN, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...MALLOC },
  })
}

const [mode = 'run', target = '', count = ''] = process.argv.slice(2)
if (mode === 'batched' || mode === 'standard') await serveAlerts(mode, target, Number(count))
else if (mode === 'paced') await servePaced(target)
else if (mode === 'memory') await measureMemory(Number(target || 600))
else if (mode === 'scrape') await measureScrape(Number(target || 100_000))
else if (mode === 'intake') await measureIntake(Number(target || 30_000))
else await runAll(Number(mode === 'run' ? 300_000 : mode))
