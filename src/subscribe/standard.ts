/**
 * Falco's standard method `sub`, as Falco up to 0.43 serves it.
 *
 * Its server hands out what waits only after it has read a client message, so an empty request
 * goes out each second. Its queue has no bound, so this reader never holds the stream back:
 * what the store cannot take at once waits in a bounded place here, and what does not fit
 * there is dropped and counted. There is no position, so what is under way when the stream
 * ends is lost: at most once.
 */
import type { Client } from '@grpc/grpc-js'
import type { RawAlert } from '../alert.js'
import { createBell } from '../waits.js'
import { decodeAlert } from './wire.js'

const METHOD = '/falco.outputs.service/sub'
const POLL_MILLISECONDS = 1_000
/** What Falco kept while nobody read comes in one burst; small alerts have some hundred bytes. */
const CAPACITY = 200_000
/** Counted as on the wire: some 70,000 usual alerts, or 64 of a megabyte. */
const CAPACITY_BYTES = 64 * 1024 * 1024
/** As much as one commit takes: the slower the disk, the more go into one. */
const BATCH_LIMIT = 8_192
const EMPTY_REQUEST = Buffer.alloc(0)

export interface StandardOptions {
  readonly signal: AbortSignal
  /** Told of each alert that did not fit. */
  readonly dropped: (count: number) => void
  readonly pollMilliseconds?: number
  readonly capacity?: number
  readonly capacityBytes?: number
}

interface Received {
  /** Undefined where it could not be decoded. */
  readonly alert: RawAlert | undefined
  readonly bytes: number
}

/** Batches of what came since the last one, until the stream ends or fails. */
export async function* subscribeStandard(
  client: Client,
  { signal, dropped, pollMilliseconds, capacity, capacityBytes }: StandardOptions,
): AsyncGenerator<readonly (RawAlert | undefined)[]> {
  const call = client.makeBidiStreamRequest<Buffer, Received>(
    METHOD,
    (bytes) => bytes,
    (bytes) => ({ alert: decodeAlert(bytes), bytes: bytes.length }),
  )
  const waiting: Received[] = []
  let waitingBytes = 0
  const limit = capacity ?? CAPACITY
  const limitBytes = capacityBytes ?? CAPACITY_BYTES
  const bell = createBell()
  let end: { readonly error: unknown } | undefined
  const finish = (error: unknown): void => {
    end ??= { error }
    bell.ring()
  }
  const takeWaiting = (): readonly (RawAlert | undefined)[] => {
    const taken = waiting.splice(0, BATCH_LIMIT)
    for (const { bytes } of taken) waitingBytes -= bytes
    return taken.map(({ alert }) => alert)
  }
  call.on('data', (received: Received) => {
    if (waiting.length >= limit || waitingBytes + received.bytes > limitBytes) dropped(1)
    else {
      waiting.push(received)
      waitingBytes += received.bytes
    }
    bell.ring()
  })
  call.on('error', finish)
  call.on('end', () => {
    finish(undefined)
  })
  call.write(EMPTY_REQUEST)
  const poll = setInterval(() => call.write(EMPTY_REQUEST), pollMilliseconds ?? POLL_MILLISECONDS)
  try {
    while (!signal.aborted) {
      if (waiting.length > 0) yield takeWaiting()
      else if (end !== undefined) break
      else await bell.wait(signal)
    }
  } finally {
    clearInterval(poll)
    call.cancel()
  }
  if (end?.error !== undefined) throw toError(end.error)
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
