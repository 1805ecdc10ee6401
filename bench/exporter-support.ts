/** What the benches of the exporter share: the program, its neighbours, and the alerts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js'
import protobuf from 'protobufjs'

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url))
const PROTO = fileURLToPath(new URL('../../proto', import.meta.url))
export const SERIES = 200

export function startExporter(flags: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...nodeFlags(), MAIN, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...MALLOC },
  })
}

/** As `npm run exporter` starts it. */
function nodeFlags(): readonly string[] {
  return ['--max-semi-space-size=8', '--max-old-space-size=256']
}

/** As `npm run exporter` sets them: freed bodies go back to the kernel at once. */
const MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '262144',
}

export function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stderr?.on('data', (part: Buffer) => {
      log = (log + part.toString()).slice(-4096)
      const found = /"address":"([^"]+)"/.exec(log)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('exit', () => {
      reject(new Error(`the exporter ended: ${log}`))
    })
  })
}

export function read(text: string, metric: string): number {
  return Number(new RegExp(`^${metric}(?:\\{.*\\})? (.*)$`, 'm').exec(text)?.[1] ?? 0)
}

/** Takes every push; `pushed` is told of each. */
export async function startSink(
  pushed: () => void = () => undefined,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(204).end()
      pushed()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

function loadRoot(): protobuf.Root {
  const root = new protobuf.Root()
  root.resolvePath = (_origin, file) => (file.startsWith('google/') ? file : join(PROTO, file))
  return root.loadSync(['peregrine/alerts.proto', 'falco/outputs.proto'], { keepCase: true })
}

export function encodeAlert(index: number, stream = 'f'.repeat(32)): Uint8Array {
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
    position: { stream_id: stream, sequence: index + 1 },
  }
  return type.encode(type.fromObject(message)).finish()
}
let types: protobuf.Root | undefined

/** `peregrine.alerts.v1.AlertBatch` of alerts that are encoded already. */
export function encodeBatch(alerts: readonly Uint8Array[]): Buffer {
  const writer = protobuf.Writer.create()
  for (const alert of alerts) writer.uint32((1 << 3) | 2).bytes(alert)
  return Buffer.from(writer.finish())
}

export interface Call {
  on(event: string, work: () => void): void
  write(message: Buffer): boolean
}

/** One method that sends bytes as they are. */
export async function serveRaw(
  address: string,
  path: string,
  requestStream: boolean,
  called: (call: Call) => void,
): Promise<Server> {
  const raw = (bytes: Buffer): Buffer => bytes
  const service: ServiceDefinition = {
    call: {
      path,
      requestStream,
      responseStream: true,
      requestSerialize: raw,
      requestDeserialize: raw,
      responseSerialize: raw,
      responseDeserialize: raw,
    },
  }
  const server = new Server()
  server.addService(service, {
    call(call: Call) {
      call.on('error', () => undefined)
      called(call)
    },
  })
  await new Promise<void>((resolve) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), () => {
      resolve()
    })
  })
  return server
}

export const SUBSCRIBE = '/peregrine.alerts.v1.Alerts/Subscribe'
