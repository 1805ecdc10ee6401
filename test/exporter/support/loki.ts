/**
 * A stand-in for Loki's push endpoint: refuses what is not the push format, answers what the
 * test scripted, and drops repetitions (same log stream, time, line, metadata) as Loki does.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { Ajv, type JSONSchemaType } from 'ajv'

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
  readonly close: () => Promise<void>
}

export async function startLoki(port = 0): Promise<LokiStandIn> {
  const seen = new Set<string>()
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const packed = Buffer.concat(parts)
      const isGzip = request.headers['content-encoding'] === 'gzip'
      const body = (isGzip ? gunzipSync(packed) : packed).toString()
      loki.pushes.push({ headers: request.headers, body })
      const answer: ScriptedAnswer =
        body.length > loki.bodyLimit ? { status: 413 } : (loki.script.shift() ?? loki.usual)
      const isStored = answer.stores ?? answer.status === 204
      const finish = (): void => {
        if (answer.status === 0) request.socket.destroy()
        else response.writeHead(answer.status, answer.headers).end(answer.text)
      }
      const { late } = answer
      if (isStored && late?.stores !== 'at_the_end') store(body, loki, seen)
      if (late === undefined) {
        finish()
        return
      }
      setTimeout(() => {
        if (request.socket.destroyed) return
        if (isStored && late.stores === 'at_the_end') store(body, loki, seen)
        finish()
      }, late.milliseconds)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  const bound = address !== null && typeof address === 'object' ? address.port : 0
  const loki: LokiStandIn = {
    url: `http://127.0.0.1:${bound}`,
    entries: [],
    pushes: [],
    faults: [],
    script: [],
    usual: { status: 204 },
    bodyLimit: Infinity,
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

function store(body: string, loki: LokiStandIn, seen: Set<string>): void {
  const push: unknown = JSON.parse(body)
  if (!isValid(push)) {
    loki.faults.push(JSON.stringify(isPush.errors))
    return
  }
  for (const { stream, values } of push.streams) {
    for (const [time, line, metadata] of values) {
      const identity = JSON.stringify([stream, time, line, metadata])
      if (seen.has(identity)) continue
      seen.add(identity)
      loki.entries.push({ stream, time, line, metadata })
    }
  }
}

function isValid(push: unknown): push is Push {
  return isPush(push)
}
