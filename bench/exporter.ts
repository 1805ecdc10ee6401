/**
 * How many alerts per second reach the counters, by protocol, and Loki.
 *
 *   node dist/bench/exporter.js [alerts]
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
      const exporter = spawn(process.execPath, [MAIN, ...flags], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
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
  protocol: 'batched' | 'standard',
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
    time: { seconds: 1_790_000_000, nanos: index % 1_000_000_000 },
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

const [mode = 'run', target = '', count = ''] = process.argv.slice(2)
if (mode === 'batched' || mode === 'standard') await serveAlerts(mode, target, Number(count))
else await runAll(Number(mode === 'run' ? 300_000 : mode))
