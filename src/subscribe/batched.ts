/**
 * Our daemon's own method: batches behind a position, at the subscriber's pace.
 *
 * The reader asks for the next batch only when the last one is safe in the store; gRPC's flow
 * control passes that on to the daemon, whose journal keeps the rest.
 */
import { status, type Client } from '@grpc/grpc-js'
import type { Position } from '../alert.js'
import { decodeBatch, encodeSubscribeRequest, type RawBatch } from './wire.js'

const METHOD = '/peregrine.alerts.v1.Alerts/Subscribe'
const BATCH_LIMIT = 1024
/** The daemon sends an empty batch every 10 s when quiet; three missed mean a dead line. */
const SILENCE_LIMIT_MILLISECONDS = 35_000

export interface BatchedOptions {
  readonly resumeAfter: Position | undefined
  readonly signal: AbortSignal
  readonly silenceLimitMilliseconds?: number
}

/** The batches, until the stream ends or fails; rejects with grpc-js' error. */
export async function* subscribeBatched(
  client: Client,
  { resumeAfter, signal, silenceLimitMilliseconds }: BatchedOptions,
): AsyncGenerator<RawBatch | undefined> {
  const limit = silenceLimitMilliseconds ?? SILENCE_LIMIT_MILLISECONDS
  const request = encodeSubscribeRequest(resumeAfter, BATCH_LIMIT)
  const call = client.makeServerStreamRequest<Buffer, RawBatch | 'undecodable'>(
    METHOD,
    (bytes) => bytes,
    (bytes) => decodeBatch(bytes) ?? 'undecodable',
    request,
  )
  const stop = (): void => {
    call.cancel()
  }
  let held = false
  const hang = (): void => {
    if (held) watch.refresh()
    else call.destroy(new Error(`the daemon was silent for ${limit / 1000} s`))
  }
  signal.addEventListener('abort', stop, { once: true })
  const watch = setTimeout(hang, limit)
  try {
    for await (const batch of toMessages<RawBatch | 'undecodable'>(call)) {
      held = true
      yield batch === 'undecodable' ? undefined : batch
      held = false
      watch.refresh()
    }
  } finally {
    clearTimeout(watch)
    signal.removeEventListener('abort', stop)
    call.on('error', ignoreCancelled)
    call.cancel()
  }
}

/** True of the error that says: this daemon does not know our method. */
export function isUnimplemented(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    error.code === status.UNIMPLEMENTED
  )
}

function toMessages<T>(call: AsyncIterable<T>): AsyncIterable<T> {
  return call
}

/** A stream that we end ourselves reports that as an error, to nobody's use. */
function ignoreCancelled(): void {
  return undefined
}
