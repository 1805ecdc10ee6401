/** A stand-in for our daemon: a journal in memory, served in batches behind a position. */
import {
  status,
  type sendUnaryData,
  type ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js'
import { serve, type WireAlert } from './services.js'

interface WirePosition {
  readonly stream_id: string
  readonly sequence: string
}

interface SubscribeRequest {
  readonly resume_after: WirePosition | null
  readonly batch_limit: number
}

export interface DaemonOptions {
  readonly streamId?: string
  readonly credentials?: ServerCredentials
  /** Alerts per batch, whatever the subscriber asks for. */
  readonly batchLimit?: number
  /** Ignores the position, as a daemon with a bug would: everything comes again. */
  readonly forgetful?: boolean
  readonly metrics?: readonly object[]
}

export interface DaemonStandIn {
  readonly target: string
  readonly requests: SubscribeRequest[]
  readonly append: (...alerts: WireAlert[]) => void
  /** Forgets the oldest alerts up to a sequence, as retention does. */
  readonly forgetUntil: (sequence: number) => void
  /** Ends all streams; the server goes on. */
  readonly cut: () => void
  readonly stop: () => void
}

type Stream = ServerWritableStream<SubscribeRequest, object>

export async function startDaemon(
  target: string,
  options: DaemonOptions = {},
): Promise<DaemonStandIn> {
  const streamId = options.streamId ?? 'a'.repeat(32)
  const journal: WireAlert[] = []
  const requests: SubscribeRequest[] = []
  const streams = new Map<Stream, () => void>()
  let kept = 1

  const newest = (): WirePosition => ({ stream_id: streamId, sequence: String(journal.length) })

  /** Sends what is behind the stream's place, as far as the subscriber takes it. */
  function createSender(stream: Stream): () => void {
    const after = stream.request.resume_after
    const isKnown = after?.stream_id === streamId && options.forgetful !== true
    let next = isKnown ? Number(after.sequence) + 1 : kept
    let isFull = false
    const limit = options.batchLimit ?? (stream.request.batch_limit || 512)
    if (after !== null && after.stream_id !== streamId && after.stream_id !== '') {
      stream.write({ alerts: [gap(0, 0, 'journal_lost', streamId, kept - 1)], newest: newest() })
    } else stream.write({ alerts: [], newest: newest() })
    const send = (): void => {
      while (!isFull && next <= journal.length) {
        const alerts: WireAlert[] = []
        if (next < kept) {
          alerts.push(gap(next, kept - 1, 'retention', streamId, kept - 1))
          next = kept
        }
        alerts.push(...journal.slice(next - 1, next - 1 + limit))
        next = Math.min(journal.length, next - 1 + limit) + 1
        isFull = !stream.write({ alerts, newest: newest() })
      }
    }
    stream.on('drain', () => {
      isFull = false
      send()
    })
    return send
  }

  const { server, target: bound } = await serve(
    {
      'peregrine.alerts.v1.Alerts': {
        Subscribe(stream: Stream) {
          requests.push(stream.request)
          const send = createSender(stream)
          streams.set(stream, send)
          stream.on('cancelled', () => streams.delete(stream))
          stream.on('error', () => streams.delete(stream))
          send()
        },
        Status(_call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) {
          const { metrics = [] } = options
          answer(null, { hostname: 'node-a', version: '0.1.0', metrics })
        },
      },
    },
    target,
    options.credentials,
  )

  return {
    target: bound,
    requests,
    append(...alerts) {
      for (const alert of alerts) {
        const sequence = String(journal.length + 1)
        journal.push({ ...alert, position: { stream_id: streamId, sequence } })
      }
      for (const send of streams.values()) send()
    },
    forgetUntil(sequence) {
      kept = sequence + 1
    },
    cut() {
      for (const stream of streams.keys()) {
        streams.delete(stream)
        stream.emit('error', { code: status.UNAVAILABLE, details: 'cut by the test' })
      }
    },
    stop: () => {
      server.forceShutdown()
    },
  }
}

/** A gap stands where the last missing alert would have stood. */
function gap(first: number, last: number, reason: string, streamId: string, at: number): WireAlert {
  return {
    time: { seconds: '1700000000', nanos: 0 },
    priority: 4,
    rule: 'Peregrine: alerts are missing',
    output: `alerts ${first} to ${last} are missing (${reason})`,
    output_fields: {},
    hostname: 'node-a',
    tags: [],
    source: 'internal',
    position: { stream_id: streamId, sequence: String(at) },
    gap: { first_sequence: String(first), last_sequence: String(last), reason },
  }
}
