/**
 * How many alerts per second reach the counters, by protocol, and Loki.
 *
 *   node dist/bench/exporter.js           all of what follows, memory for a minute
 *   node dist/bench/exporter.js ALERTS    the first table alone
 *   node dist/bench/exporter.js memory [seconds]   resident memory at 5,000 alerts a second, with Loki
 *   node dist/bench/exporter.js scrape [series]    time of a scrape, and the longest stall during it
 *   node dist/bench/exporter.js intake [alerts]    one alert a request, keep-alive, durable
 *
 * The exporter runs as a process of its own; so does the server, which has encoded everything
 * before it begins and so is no limit (see the floor: the same stream read and thrown away).
 * Alerts have 20 fields and at least 900 bytes, over 200 series.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, credentials } from '@grpc/grpc-js'
import { Agent, request } from 'undici'
import {
  encodeAlert,
  encodeBatch,
  listening,
  read,
  SERIES,
  serveRaw,
  startExporter,
  startSink,
  SUBSCRIBE,
  type Call,
} from './exporter-support.js'
import { figuresOf, printTable, quantile } from './support.js'

const BATCH = 512

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
  process.stdout.write('\n')
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
      const cpuOf = (): number => figuresOf(exporter.pid ?? 0).cpuSeconds
      const { seconds, cpuSeconds, text } = await untilCounted(page, metric, alerts, cpuOf)
      const residentMiB = Math.round(read(text, 'process_resident_memory_bytes') / 2 ** 20)
      exporter.kill('SIGKILL')
      const cpuMicrosecondsPerAlert = (cpuSeconds / alerts) * 1e6
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
  cpuOf: () => number,
): Promise<{ readonly seconds: number; readonly cpuSeconds: number; readonly text: string }> {
  let begun: number | undefined
  let cpuBefore = 0
  let before = 0
  for (;;) {
    const text = await (await fetch(`${page}/metrics`)).text()
    const done = read(text, metric)
    if (done > 0 && begun === undefined) {
      begun = performance.now()
      cpuBefore = cpuOf()
      before = done
    }
    const dropped = read(text, 'peregrine_subscribe_alerts_dropped_total')
    if (begun !== undefined && done + dropped >= alerts) {
      if (dropped > 0) process.stdout.write(`(${dropped} dropped)\n`)
      const share = (alerts - before) / alerts
      const seconds = (performance.now() - begun) / 1000 / share
      return { seconds, cpuSeconds: (cpuOf() - cpuBefore) / share, text }
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
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

// The server's side.

async function serveAlerts(protocol: string, address: string, alerts: number): Promise<void> {
  const isBatched = protocol === 'batched'
  const path = isBatched ? SUBSCRIBE : '/falco.outputs.service/sub'
  const messages = isBatched ? encodeBatches(alerts) : encodeSingles(alerts)
  let next = 0
  const send = (call: Call): void => {
    for (let message = messages[next]; message !== undefined; message = messages[next]) {
      next++
      if (!call.write(message)) return
    }
  }
  await serveRaw(address, path, !isBatched, (call) => {
    next = 0
    call.on('drain', () => {
      send(call)
    })
    if (isBatched) send(call)
    else {
      call.on('data', () => {
        send(call)
      })
    }
  })
  process.send?.('ready')
}

function encodeSingles(alerts: number): Buffer[] {
  return Array.from({ length: alerts }, (_, index) => Buffer.from(encodeAlert(index)))
}

function encodeBatches(alerts: number): Buffer[] {
  const batches: Buffer[] = []
  for (let from = 0; from < alerts; from += BATCH) {
    const length = Math.min(BATCH, alerts - from)
    batches.push(encodeBatch(Array.from({ length }, (_, index) => encodeAlert(from + index))))
  }
  return batches
}

const RATE = 5_000

/** A tenth of a second's worth at a time. */
async function servePaced(address: string): Promise<void> {
  let next = 0
  await serveRaw(address, SUBSCRIBE, false, (call) => {
    const timer = setInterval(() => {
      const length = RATE / 10
      call.write(encodeBatch(Array.from({ length }, () => encodeAlert(next++))))
    }, 100)
    call.on('cancelled', () => {
      clearInterval(timer)
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
  const before = figuresOf(exporter.pid ?? 0).cpuSeconds
  const begun = performance.now()
  const work = async (): Promise<void> => {
    while (next < alerts) await post(next++)
  }
  await Promise.all(Array.from({ length: 64 }, work))
  const seconds = (performance.now() - begun) / 1000
  const cpuSeconds = figuresOf(exporter.pid ?? 0).cpuSeconds - before
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

const [mode = 'run', target = '', count = ''] = process.argv.slice(2)
if (mode === 'batched' || mode === 'standard') await serveAlerts(mode, target, Number(count))
else if (mode === 'paced') await servePaced(target)
else if (mode === 'memory') await measureMemory(Number(target || 600))
else if (mode === 'scrape') await measureScrape(Number(target || 100_000))
else if (mode === 'intake') await measureIntake(Number(target || 30_000))
else if (mode === 'run') {
  await runAll(300_000)
  await measureIntake(30_000)
  await measureScrape(100_000)
  await measureMemory(60)
} else await runAll(Number(mode))
