/** Clients of the alert service that know nothing but the files of proto/. */
import { fileURLToPath } from 'node:url'
import {
  Client,
  credentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type MethodDefinition,
} from '@grpc/grpc-js'
import { decodeStatus, type StatusMetric } from '../../../src/subscribe/wire.js'
import { serviceOf } from '../../exporter/support/services.js'
import type { Test } from './daemon.js'

/** What the tests look at. */
export interface WireResponse {
  readonly rule: string
  readonly output: string
  readonly output_fields: Readonly<Record<string, string>>
  readonly time: { readonly seconds: string; readonly nanos: number }
  readonly source: string
  readonly position?: { readonly stream_id: string; readonly sequence: string } | null
  readonly gap?: { readonly reason: string } | null
}

export interface StandardClient {
  readonly received: readonly WireResponse[]
  readonly close: () => void
}

/** An old client asks once a second; faster here, so that the tests need not wait. */
const ASK_EVERY_MILLISECONDS = 100

/** Subscribes as clients did before ours: an empty request again and again. */
export function subscribeStandard(
  t: Test,
  address: string,
  onResponse: (response: WireResponse) => void = () => undefined,
): StandardClient {
  const client = connect(t, address)
  const method = methodOf('falco.outputs.service', 'sub')
  const received: WireResponse[] = []
  const stream: ClientDuplexStream<object, WireResponse> = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    readResponse(method),
  )
  stream.on('data', (response: WireResponse) => {
    received.push(response)
    onResponse(response)
  })
  stream.on('error', () => undefined)
  const ask = setInterval(() => stream.write({}), ASK_EVERY_MILLISECONDS)
  stream.write({})
  const close = (): void => {
    clearInterval(ask)
    stream.cancel()
    client.close()
  }
  t.teardown(close)
  return { received, close }
}

/** What waits now, as `get` gives it. */
export async function getStandard(t: Test, address: string): Promise<readonly WireResponse[]> {
  const client = connect(t, address)
  const method = methodOf('falco.outputs.service', 'get')
  const stream = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    readResponse(method),
    {},
  )
  const received: WireResponse[] = []
  stream.on('data', (response: WireResponse) => received.push(response))
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject))
  return received
}

/** Opens the batched stream and never reads it. */
export function subscribeWithoutReading(t: Test, address: string): ClientReadableStream<unknown> {
  const client = connect(t, address)
  const method = methodOf('peregrine.alerts.v1.Alerts', 'Subscribe')
  const stream = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    {},
  )
  stream.on('error', () => undefined)
  stream.pause()
  return stream
}

/** The answer of `falco.version`. */
export function askVersion(t: Test, address: string): Promise<Record<string, unknown>> {
  const client = connect(t, address)
  const method = methodOf('falco.version.service', 'version')
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      (bytes: Buffer): Record<string, unknown> => ({ ...method.responseDeserialize(bytes) }),
      {},
      (error, answer) => {
        if (answer === undefined) reject(error ?? new Error('no answer'))
        else resolve(answer)
      },
    )
  })
}

/** The daemon's own metrics. */
export function askStatus(t: Test, address: string): Promise<readonly StatusMetric[]> {
  const client = connect(t, address)
  const method = methodOf('peregrine.alerts.v1.Alerts', 'Status')
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      (bytes: Buffer) => decodeStatus(bytes),
      {},
      (error, answer) => {
        if (answer === undefined) reject(error ?? new Error('no answer'))
        else resolve(answer.metrics)
      },
    )
  })
}

/** A client for a daemon that speaks TLS would be another; here it is the unix socket. */
function connect(t: Test, address: string): Client {
  const path = fileURLToPath(address.replace('unix://', 'file://'))
  const client = new Client(`unix:${path}`, credentials.createInsecure())
  t.teardown(() => {
    client.close()
  })
  return client
}

function methodOf(service: string, name: string): MethodDefinition<object, object> {
  const method = serviceOf(service)[name]
  if (method === undefined) throw new Error(`no method ${name} in ${service}`)
  return method
}

function readResponse(method: MethodDefinition<object, object>): (bytes: Buffer) => WireResponse {
  return (bytes) => {
    const message = method.responseDeserialize(bytes)
    if (!isResponse(message)) throw new Error('not a response')
    return message
  }
}

function isResponse(message: object): message is WireResponse {
  return 'rule' in message && 'output' in message && 'source' in message
}
