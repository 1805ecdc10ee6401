/** One request to Loki and what came of it; knows HTTP, nothing of retries. */
import { Agent, request, type Dispatcher } from 'undici'

export interface LokiTarget {
  readonly url: URL
  readonly authorization: string | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly tls: TlsOptions
}

export interface TlsOptions {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

export type Answer =
  | {
      readonly kind: 'status'
      readonly status: number
      readonly text: string
      readonly retryAfterMilliseconds: number | undefined
      /** Of Loki's clock, or of what stands in front of it. */
      readonly dateMilliseconds: number | undefined
    }
  | { readonly kind: 'unreachable'; readonly text: string }

export interface Pusher {
  /** `tenant` is empty where Loki has one. */
  push(body: Buffer, tenant: string, signal: AbortSignal): Promise<Answer>
  /** Takes another login, headers or certificates from the next push on. */
  use(target: LokiTarget): void
  close(): Promise<void>
}

/** Loki's own write timeout is 10 s by default; a gateway may stretch it. */
const TIMEOUT_MILLISECONDS = 30_000
const TEXT_LIMIT_BYTES = 8_192

export function createPusher(first: LokiTarget, userAgent: string): Pusher {
  let target = first
  let agent = createAgent(target)
  let common = toHeaders(target, userAgent)
  return {
    use(next) {
      // Ends when what is under way has its answer.
      void agent.close()
      target = next
      agent = createAgent(target)
      common = toHeaders(target, userAgent)
    },
    async push(body, tenant, signal) {
      try {
        const headers = tenant === '' ? common : { ...common, 'x-scope-orgid': tenant }
        const options = { dispatcher: agent, method: 'POST' as const, headers, body, signal }
        return await toAnswer(await request(target.url, options))
      } catch (error) {
        return { kind: 'unreachable', text: describe(error) }
      }
    },
    close: () => agent.destroy(),
  }
}

function createAgent({ tls }: LokiTarget): Agent {
  return new Agent({
    headersTimeout: TIMEOUT_MILLISECONDS,
    bodyTimeout: TIMEOUT_MILLISECONDS,
    connect: { timeout: 10_000, ...tls },
  })
}

function toHeaders(target: LokiTarget, userAgent: string): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'user-agent': userAgent,
    ...Object.fromEntries(target.headers),
  }
  if (target.authorization !== undefined) headers.authorization = target.authorization
  return headers
}

async function toAnswer(response: Dispatcher.ResponseData): Promise<Answer> {
  const text = await readStart(response.body)
  const after = response.headers['retry-after']
  return {
    kind: 'status',
    status: response.statusCode,
    text,
    retryAfterMilliseconds: toMilliseconds(typeof after === 'string' ? after : undefined),
    dateMilliseconds: toTime(response.headers.date),
  }
}

/** The beginning of the answer; the rest is thrown away so that the connection stays usable. */
async function readStart(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    if (size < TEXT_LIMIT_BYTES) parts.push(part)
    size += part.length
    if (size > 64 * TEXT_LIMIT_BYTES) break
  }
  return Buffer.concat(parts).subarray(0, TEXT_LIMIT_BYTES).toString().trim()
}

/** Seconds only; the date form is not used by anything in front of Loki. */
function toMilliseconds(seconds: string | undefined): number | undefined {
  return seconds !== undefined && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined
}

function toTime(date: string | string[] | undefined): number | undefined {
  const time = typeof date === 'string' ? Date.parse(date) : Number.NaN
  return Number.isFinite(time) ? time : undefined
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
