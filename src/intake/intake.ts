/** The intake's HTTP server. See index.ts. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Server as TlsServer } from 'node:tls'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { LastError } from '../last-error.js'
import type { Delivery } from '../subscribe/index.js'
import { parseAlerts } from './parse.js'

/** What others may know of the intake while it runs. */
export interface IntakeHealth {
  /** By what they were answered. */
  readonly requests: Map<number, number>
  received: number
  underWayBytes: number
  lastMessageMilliseconds: number
  lastError: LastError | undefined
}

/** The contents of the files that the configuration names. */
export interface IntakeSecrets {
  /** The whole value that `Authorization` must have. */
  readonly authorization: string | undefined
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly ca?: Buffer } | undefined
}

export interface IntakeOptions {
  readonly host: string
  readonly port: number
  readonly bodyLimitBytes: number
  readonly secrets: IntakeSecrets
  readonly fallbackHostname: string
  /** Resolves with true when the delivery is durable. */
  readonly take: (delivery: Delivery) => Promise<boolean>
  /** Alerts that wait for the store. */
  readonly waiting: () => number
  readonly clock: () => number
}

export interface Intake {
  readonly health: IntakeHealth
  readonly port: number
  /** Takes a new login and certificate; TLS itself stays on or off. */
  use(secrets: IntakeSecrets): void
  close(): Promise<void>
}

const CONNECTIONS = 1_024
const UNDER_WAY_BYTES = 64 * 1024 * 1024
/** Alerts waiting for the store above which senders are told to wait. */
const WAITING_ALERTS = 50_000
const RETRY_AFTER_SECONDS = '2'
const FULL = 'full: too many alerts wait to be stored'

export async function createIntake(options: IntakeOptions): Promise<Intake> {
  const health: IntakeHealth = {
    requests: new Map(),
    received: 0,
    underWayBytes: 0,
    lastMessageMilliseconds: 0,
    lastError: undefined,
  }
  let { secrets } = options
  const app = createApp(options)
  app.server.maxConnections = CONNECTIONS
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  app.addHook('onResponse', (_request, reply, done) => {
    health.requests.set(reply.statusCode, (health.requests.get(reply.statusCode) ?? 0) + 1)
    done()
  })
  app.addHook('onRequest', async (request, reply) => {
    const { authorization } = secrets
    if (authorization !== undefined && !isSame(request.headers.authorization, authorization)) {
      const scheme = authorization.startsWith('Basic') ? 'Basic realm="peregrine"' : 'Bearer'
      return reply.code(401).header('www-authenticate', scheme).send({ error: 'not authorised' })
    }
    const announced = Number(request.headers['content-length'] ?? options.bodyLimitBytes)
    // More than the limit is refused for good when it is read.
    const isRoom = reserve(reply, Math.min(announced, options.bodyLimitBytes))
    if (!isRoom || options.waiting() > WAITING_ALERTS) return refuseForNow(reply, FULL)
    // It is JSON or it is not, whatever it says of itself.
    request.headers['content-type'] = 'application/json'
    return undefined
  })

  /** Counts bytes until the request is over; false where there is no room for them. */
  function reserve(reply: FastifyReply, bytes: number): boolean {
    if (health.underWayBytes + bytes > UNDER_WAY_BYTES) return false
    health.underWayBytes += bytes
    reply.raw.once('close', () => (health.underWayBytes -= bytes))
    return true
  }

  function fail(text: string): void {
    health.lastError = { text, atMilliseconds: options.clock() }
  }

  const unpack = createUnpacker(options.bodyLimitBytes)

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity'
    const body = encoding === 'identity' ? bytes : await unpack(bytes, encoding)
    if (!Buffer.isBuffer(body)) {
      fail(body.error)
      return reply.code(body.status).send({ error: body.error })
    }
    // A packed body is as large as it turns out to be.
    if (body !== bytes && !reserve(reply, body.length)) return refuseForNow(reply, FULL)
    const now = options.clock()
    const { fallbackHostname } = options
    const alerts = parseAlerts(body.toString(), { fallbackHostname, nowMilliseconds: now })
    health.received += alerts.length
    health.lastMessageMilliseconds = now
    const isKept = await options.take({ daemon: 'http', alerts, newest: undefined })
    if (!isKept) return refuseForNow(reply, 'stopping: send it again')
    const refused = alerts.filter((alert) => alert.kind === 'invalid')
    const accepted = alerts.length - refused.length
    if (accepted > 0 || alerts.length === 0)
      return reply.send({ accepted, refused: refused.length })
    const error = `no valid alert: ${[...new Set(refused.map(toReason))].join(', ')}`
    fail(error)
    const hint = "expected Falco's JSON output (json_output: true), one object or an array"
    return reply.code(400).send({ error: `${error}; ${hint}` })
  }
  // Senders of Falco and falcosidekick differ in the path that their users gave.
  app.post('/', answer)
  app.post('/*', answer)
  app.get('/ping', (_request, reply) => reply.type('text/plain').send('pong\n'))
  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.setErrorHandler((error, _request, reply) => {
    const { status, text } = describe(error)
    fail(text)
    return reply.code(status).send({ error: text })
  })

  await app.listen({ host: options.host, port: options.port })
  const address = app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : options.port
  return {
    health,
    port,
    use(next) {
      const server: unknown = app.server
      if (next.tls !== undefined && server instanceof TlsServer) server.setSecureContext(next.tls)
      secrets = next
    },
    close: () => app.close(),
  }
}

function createApp({ bodyLimitBytes, secrets }: IntakeOptions): FastifyInstance {
  const common = {
    logger: false,
    forceCloseConnections: 'idle' as const,
    bodyLimit: bodyLimitBytes,
    requestTimeout: 30_000,
    return503OnClosing: true,
  }
  if (secrets.tls === undefined) return fastify(common)
  const isMutual = secrets.tls.ca !== undefined
  const https = { ...secrets.tls, requestCert: isMutual, rejectUnauthorized: isMutual }
  const app: unknown = fastify({ ...common, https })
  return isInstance(app) ? app : fastify(common)
}

/** The two servers differ in type only. */
function isInstance(app: unknown): app is FastifyInstance {
  return typeof app === 'object' && app !== null
}

function refuseForNow(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).send({ error })
}

interface Refused {
  readonly status: number
  readonly error: string
}

interface UnpackOptions {
  readonly maxOutputLength: number
  readonly chunkSize: number
}

type Unpack = (bytes: Buffer, options: UnpackOptions) => Promise<Buffer>

const UNPACKERS: Readonly<Record<string, Unpack>> = {
  gzip: promisify<Buffer, object, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, object, Buffer>(gunzip),
  deflate: promisify<Buffer, object, Buffer>(inflate),
  br: promisify<Buffer, object, Buffer>(brotliDecompress),
}

/** One body after the other, so that a thousand small bombs take the room of one. */
function createUnpacker(
  limitBytes: number,
): (bytes: Buffer, encoding: string) => Promise<Buffer | Refused> {
  let last: Promise<unknown> = Promise.resolve()
  return (bytes, encoding) => {
    const work = (): Promise<Buffer | Refused> => unpack(bytes, encoding, limitBytes)
    const turn = last.then(work, work)
    last = turn
    return turn
  }
}

async function unpack(
  bytes: Buffer,
  encoding: string,
  limitBytes: number,
): Promise<Buffer | Refused> {
  const unpacker = UNPACKERS[encoding]
  if (unpacker === undefined) {
    const error = `content-encoding ${encoding.slice(0, 40)} is not known: send gzip or none`
    return { status: 415, error }
  }
  try {
    return await unpacker(bytes, { maxOutputLength: limitBytes, chunkSize: OUT_BYTES })
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === TOO_LARGE
    return isTooLarge
      ? { status: 413, error: `body is over ${limitBytes} bytes when unpacked` }
      : { status: 400, error: `body is no ${encoding}` }
  }
}

/** Most bodies come out in one go. */
const OUT_BYTES = 64 * 1024
const TOO_LARGE = 'ERR_BUFFER_TOO_LARGE'

function toReason({ reason }: { readonly reason: string }): string {
  return reason
}

/** Hashed first, so that neither length nor content shows in the time that it takes. */
function isSame(given: string | undefined, wanted: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given ?? ''), hash(wanted))
}

function describe(error: unknown): { readonly status: number; readonly text: string } {
  if (!(error instanceof Error)) return { status: 500, text: 'unknown error' }
  const status = 'statusCode' in error ? Number(error.statusCode) : 500
  return { status: status >= 400 && status < 600 ? status : 500, text: error.message }
}
