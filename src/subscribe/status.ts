/** Asks our daemon for its self-metrics. */
import type { Client } from '@grpc/grpc-js'
import { decodeStatus, type Status } from './wire.js'

const METHOD = '/peregrine.alerts.v1.Alerts/Status'
const DEADLINE_MILLISECONDS = 5_000
const EMPTY_REQUEST = Buffer.alloc(0)

/** The status, or undefined where the daemon does not answer or cannot be understood. */
export function fetchStatus(client: Client): Promise<Status | undefined> {
  return askStatus(client).catch(() => undefined)
}

/** As `fetchStatus`; rejects with grpc-js' error. */
export function askStatus(client: Client): Promise<Status | undefined> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      METHOD,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => ({ status: decodeStatus(bytes) }),
      EMPTY_REQUEST,
      { deadline: Date.now() + DEADLINE_MILLISECONDS },
      (error, answer) => {
        if (error === null) resolve(answer?.status)
        else reject(error)
      },
    )
  })
}
