/**
 * A stand-in for Falco up to 0.43: one queue for all subscribers, and it hands out what waits
 * only after it has read a client message.
 */
import type { ServerCredentials, ServerDuplexStream } from '@grpc/grpc-js'
import { serve, type RunningServer, type WireAlert } from './services.js'

export interface FalcoStandIn {
  readonly target: string
  readonly queue: WireAlert[]
  /** Client messages read so far. */
  readonly requests: () => number
  readonly stop: () => void
}

export async function startFalco(
  target: string,
  credentials?: ServerCredentials,
): Promise<FalcoStandIn> {
  const queue: WireAlert[] = []
  let requests = 0
  const running: RunningServer = await serve(
    {
      'falco.outputs.service': {
        sub(call: ServerDuplexStream<object, WireAlert>) {
          call.on('data', () => {
            requests++
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
              call.write(next)
            }
          })
          call.on('end', () => {
            call.end()
          })
          call.on('error', () => undefined)
        },
      },
    },
    target,
    credentials,
  )
  return {
    target: running.target,
    queue,
    requests: () => requests,
    stop: () => {
      running.server.forceShutdown()
    },
  }
}
