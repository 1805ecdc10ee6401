/** The services of proto/, as grpc-js serves them: the tests' servers speak the files themselves. */
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { loadSync, type AnyDefinition, type ServiceDefinition } from '@grpc/proto-loader'

export const PROTO_DIRECTORY = fileURLToPath(new URL('../../../../proto', import.meta.url))

const DEFINITIONS = loadSync(
  ['falco/outputs.proto', 'falco/version.proto', 'peregrine/alerts.proto'],
  { includeDirs: [PROTO_DIRECTORY], keepCase: true, longs: String, enums: Number, defaults: true },
)

export function serviceOf(name: string): ServiceDefinition {
  const found = DEFINITIONS[name]
  if (found === undefined || !isService(found)) throw new Error(`no service ${name} in proto/`)
  return found
}

function isService(definition: AnyDefinition): definition is ServiceDefinition {
  return !('format' in definition)
}

export interface RunningServer {
  readonly server: Server
  readonly target: string
}

/** Binds to `unix:…` or to a TCP address with port 0. */
export async function serve(
  services: Readonly<Record<string, UntypedServiceImplementation>>,
  target: string,
  credentials = ServerCredentials.createInsecure(),
): Promise<RunningServer> {
  const server = new Server()
  if (target.startsWith('unix:')) rmSync(target.slice('unix:'.length), { force: true })
  for (const [name, implementation] of Object.entries(services)) {
    server.addService(serviceOf(name), implementation)
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  const bound = target.startsWith('unix:') ? target : target.replace(/:0$/, `:${port}`)
  return { server, target: bound }
}

/** A response of falco.outputs as proto-loader takes it. */
export interface WireAlert {
  time: { seconds: string; nanos: number }
  priority: number
  rule: string
  output: string
  output_fields: Record<string, string>
  hostname: string
  tags: string[]
  source: string
  position?: { stream_id: string; sequence: string }
  gap?: { first_sequence: string; last_sequence: string; reason: string }
}

export function wireAlert(changes: Partial<WireAlert> = {}): WireAlert {
  return {
    time: { seconds: '1700000000', nanos: 123_456_789 },
    priority: 4,
    rule: 'Curl command executed',
    output: 'Curl command executed: curl https://example.org',
    output_fields: { 'proc.name': 'curl', 'k8s.ns.name': 'shop', 'k8s.pod.name': 'cart-1' },
    hostname: 'node-a',
    tags: ['network', 'process'],
    source: 'syscall',
    ...changes,
  }
}
