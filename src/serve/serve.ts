/** The HTTP server. See index.ts. */
import { Readable } from 'node:stream'
import { fastify, type FastifyReply } from 'fastify'
import { renderSeries, toScraperName, type Counts, type Scrapers } from '../series/index.js'
import type { ScraperRecord } from '../series/index.js'
import { POLICY, renderPage, STYLE, type PageFacts } from './page.js'

export interface Readiness {
  readonly isReady: boolean
  /** What is not ready, in words; empty when all is. */
  readonly waitingFor: readonly string[]
}

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly counts: Counts
  readonly scrapers: Scrapers
  /** Everything on the metrics page but the series of alerts. */
  readonly renderSelf: () => Promise<string>
  readonly readiness: () => Readiness
  readonly page: () => PageFacts
  readonly keepScraper: (record: ScraperRecord) => void
  readonly clock: () => number
}

export interface Server {
  readonly port: number
  close(): Promise<void>
}

/** OpenMetrics is never offered: it would rename the counter. */
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8'

export async function createServer(options: ServeOptions): Promise<Server> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1024,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 100 },
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    void reply.headers({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    done(null, payload)
  })

  app.get('/metrics', async (request, reply) => {
    const { counts, scrapers, clock } = options
    const name = toScraperName(request.headers, request.ip)
    const showing = scrapers.show(name, counts.lastBirth, clock())
    const self = await options.renderSelf()
    if (name !== undefined) {
      reply.raw.once('finish', () => {
        if (reply.raw.statusCode !== 200) return
        options.keepScraper(scrapers.shown(name, showing, clock()))
      })
    }
    return reply.type(TEXT_FORMAT).send(Readable.from(joined(renderSeries(counts, showing), self)))
  })

  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))

  app.get('/readyz', (_request, reply) => {
    const { isReady, waitingFor } = options.readiness()
    const text = isReady ? 'ready' : `not ready: ${waitingFor.join('; ')}`
    return reply
      .code(isReady ? 200 : 503)
      .type('text/plain')
      .send(`${text}\n`)
  })

  app.get('/', (_request, reply) => sendPage(reply, options.page()))
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE))

  await app.listen({ host: options.host, port: options.port })
  const address = app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : options.port
  return { port, close: () => app.close() }
}

function* joined(series: Iterable<string>, self: string): Generator<string> {
  yield* series
  yield self
}

function sendPage(reply: FastifyReply, facts: PageFacts): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .type('text/html; charset=utf-8')
    .send(renderPage(facts))
}
