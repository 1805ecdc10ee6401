/**
 * A stand-in for Loki's push endpoint: refuses what is not the push format, answers what the
 * test scripted, drops repetitions (same log stream, time, line, metadata) as Loki does, takes
 * times of its window only, and within a log stream nothing that is an hour behind its newest.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { TlsOptions } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { Ajv, type JSONSchemaType } from 'ajv'
import { createIngester, type Ingester } from './ingester.js'

interface Push {
  streams: { stream: Record<string, string>; values: [string, string, Record<string, string>][] }[]
}

const LABELS: JSONSchemaType<Record<string, string>> = {
  type: 'object',
  required: ['service_name'],
  minProperties: 1,
  maxProperties: 15,
  propertyNames: { pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$' },
  additionalProperties: { type: 'string', minLength: 1, maxLength: 2048 },
}

const isPush = new Ajv().compile({
  type: 'object',
  required: ['streams'],
  additionalProperties: false,
  properties: {
    streams: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['stream', 'values'],
        additionalProperties: false,
        properties: {
          stream: LABELS,
          values: {
            type: 'array',
            minItems: 1,
            items: {
              type: 'array',
              minItems: 3,
              maxItems: 3,
              items: [
                { type: 'string', pattern: '^[0-9]{1,20}$' },
                { type: 'string', maxLength: 262144 },
                {
                  type: 'object',
                  maxProperties: 128,
                  propertyNames: { pattern: '^[a-zA-Z][a-zA-Z0-9_]*$' },
                  additionalProperties: { type: 'string' },
                },
              ],
            },
          },
        },
      },
    },
  },
})

export interface LokiEntry {
  readonly stream: Readonly<Record<string, string>>
  readonly time: string
  readonly line: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface ScriptedAnswer {
  readonly status: number
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Takes the entries and then answers as scripted, or cuts the connection at status 0. */
  readonly stores?: boolean
  /** Time until the answer; entries are taken at once, or only if somebody still waits then. */
  readonly late?: { readonly milliseconds: number; readonly stores: 'at_once' | 'at_the_end' }
}

export interface LokiStandIn {
  readonly url: string
  /** Stored, repetitions dropped, in the order of arrival. */
  readonly entries: LokiEntry[]
  /** Each push that came, also those refused. */
  readonly pushes: { readonly headers: IncomingHttpHeaders; readonly body: string }[]
  readonly faults: string[]
  /** Answers to the next pushes; afterwards `usual`. */
  readonly script: ScriptedAnswer[]
  usual: ScriptedAnswer
  /** Bodies larger than this, unpacked, are answered 413. */
  bodyLimit: number
  /** Pushes of more entries are answered 429, whole. */
  entriesLimit: number
  /** Tenants whose pushes are answered so instead. */
  readonly tenants: Map<string, ScriptedAnswer>
  /** Loki's clock is ahead of ours by so much. */
  clockMilliseconds: number
  readonly close: () => Promise<void>
}

/** `take` gets each entry that was not refused, repetitions too; nothing is then kept here. */
export async function startLoki(
  port = 0,
  take?: (entry: LokiEntry) => void,
  tls?: TlsOptions,
): Promise<LokiStandIn> {
  const seen = new Set<string>()
  const ingester = createIngester()
  const keep =
    take ??
    ((entry: LokiEntry): void => {
      const identity = JSON.stringify(entry)
      if (seen.has(identity)) return
      seen.add(identity)
      loki.entries.push(entry)
    })
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const packed = Buffer.concat(parts)
      const isGzip = request.headers['content-encoding'] === 'gzip'
      const body = (isGzip ? gunzipSync(packed) : packed).toString()
      if (take === undefined) loki.pushes.push({ headers: request.headers, body })
      const tenant = String(request.headers['x-scope-orgid'])
      const answer = loki.tenants.get(tenant) ?? toAnswer(body, loki)
      const isStored = request.method === 'POST' && (answer.stores ?? answer.status === 204)
      let refused = ''
      const finish = (): void => {
        const date = new Date(Date.now() + loki.clockMilliseconds).toUTCString()
        if (answer.status === 0) request.socket.destroy()
        else if (refused !== '') response.writeHead(400, { date }).end(refused)
        else response.writeHead(answer.status, { date, ...answer.headers }).end(answer.text)
      }
      const { late } = answer
      const storeAll = (): string => store(body, loki, ingester, keep)
      if (isStored && late?.stores !== 'at_the_end') refused = storeAll()
      if (late === undefined) {
        finish()
        return
      }
      setTimeout(() => {
        if (request.socket.destroyed) return
        if (isStored && late.stores === 'at_the_end') refused = storeAll()
        finish()
      }, late.milliseconds).unref()
    })
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  const bound = address !== null && typeof address === 'object' ? address.port : 0
  const loki: LokiStandIn = {
    url: tls === undefined ? `http://127.0.0.1:${bound}` : `https://localhost:${bound}`,
    entries: [],
    pushes: [],
    faults: [],
    script: [],
    usual: { status: 204 },
    bodyLimit: Infinity,
    entriesLimit: Infinity,
    tenants: new Map(),
    clockMilliseconds: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
  return loki
}

function toAnswer(body: string, loki: LokiStandIn): ScriptedAnswer {
  if (body.length > loki.bodyLimit) return { status: 413 }
  const entries = body.split('"event_id":').length - 1
  if (entries > loki.entriesLimit) return { status: 429, text: 'Ingestion rate limit exceeded' }
  return loki.script.shift() ?? loki.usual
}

/** Gives back what to answer where entries were refused; the others are stored. */
function store(
  body: string,
  loki: LokiStandIn,
  ingester: Ingester,
  keep: (entry: LokiEntry) => void,
): string {
  const push: unknown = JSON.parse(body)
  if (!isValid(push)) {
    loki.faults.push(JSON.stringify(isPush.errors))
    return ''
  }
  const now = Date.now() + loki.clockMilliseconds
  const times = push.streams.map(({ stream, values }) => ({
    stream,
    times: values.map(([time]) => time),
  }))
  return ingester.push(times, now, (index, entry) => {
    const { stream, values } = push.streams[index] ?? {}
    const [time, line, metadata] = values?.[entry] ?? []
    if (stream === undefined || time === undefined) return
    keep({ stream, time, line: line ?? '', metadata: metadata ?? {} })
  })
}

function isValid(push: unknown): push is Push {
  return isPush(push)
}
