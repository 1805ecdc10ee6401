/** The HTTP server. See index.ts. */
import { Server as TlsServer } from 'node:tls'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import { toScraperName, type Counts, type Scrapers } from '../series/index.js'
import type { ScraperRecord } from '../series/index.js'
import type { Feed } from './feed.js'
import { CLIENT_SCRIPT, ICON, POLICY, renderPage, STYLE, type PageFacts } from './page.js'
import { createScrapeRenderer } from './scrape.js'
import { createGate, type WebConfig } from './web-config.js'

export interface Readiness {
  readonly isReady: boolean
  /** What is not ready, in words; empty when all is. */
  readonly waitingFor: readonly string[]
}

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly web: WebConfig
  readonly counts: Counts
  readonly scrapers: Scrapers
  /** Everything on the metrics page but the series of alerts. */
  readonly renderSelf: () => Promise<string>
  readonly readiness: () => Readiness
  /** Undefined where the page is off. */
  readonly page: { readonly facts: () => PageFacts; readonly feed: Feed } | undefined
  readonly keepScraper: (record: ScraperRecord) => void
  readonly clock: () => number
}

export interface Server {
  readonly port: number
  /** Takes new users and certificates; TLS itself stays on or off. */
  use(web: WebConfig): void
  close(): Promise<void>
}

/** OpenMetrics is never offered: it would rename the counter. */
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8'
/** What anybody may ask: a probe has no password. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

export async function createServer(options: ServeOptions): Promise<Server> {
  let { web } = options
  const app = createApp(web)
  const gate = createGate(() => web.users)
  app.addHook('onRequest', async (request, reply) => {
    if (
      OPEN_PATHS.has(request.routeOptions.url ?? '') ||
      (await gate.admits(request.headers.authorization))
    )
      return
    await reply.code(401).header('www-authenticate', 'Basic realm="peregrine"').send('')
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    void reply.headers({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    })
    done(null, payload)
  })
  serveMetrics(app, options)

  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))

  app.get('/readyz', (_request, reply) => {
    const { isReady, waitingFor } = options.readiness()
    const text = isReady ? 'ready' : `not ready: ${waitingFor.join('; ')}`
    return reply
      .code(isReady ? 200 : 503)
      .type('text/plain')
      .send(`${text}\n`)
  })
  if (options.page !== undefined) servePage(app, options.page.facts, options.page.feed)

  await app.listen({ host: options.host, port: options.port })
  const address = app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : options.port
  return {
    port,
    use(next) {
      const server: unknown = app.server
      if (next.tls !== undefined && server instanceof TlsServer) server.setSecureContext(next.tls)
      web = next
    },
    close: () => app.close(),
  }
}

function createApp({ tls }: WebConfig): FastifyInstance {
  const common = {
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1024,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 100 },
  }
  if (tls === undefined) return fastify(common)
  const app: unknown = fastify({ ...common, https: tls })
  return isInstance(app) ? app : fastify(common)
}

/** The two servers differ in type only. */
function isInstance(app: unknown): app is FastifyInstance {
  return typeof app === 'object' && app !== null
}

/** As many as node_exporter and its kin answer at a time. */
const SCRAPES_AT_ONCE = 40
/** Longer than any scrape_timeout that makes sense. */
const SCRAPE_MILLISECONDS = 120_000

function serveMetrics(app: FastifyInstance, options: ServeOptions): void {
  const { scrapers, counts, clock } = options
  const renderer = createScrapeRenderer(options)
  let underWay = 0
  app.get<{ Querystring: { scraper?: string } }>('/metrics', async (request, reply) => {
    if (underWay >= SCRAPES_AT_ONCE) {
      return reply.code(503).header('retry-after', '1').send('too many scrapes at once\n')
    }
    underWay++
    const deadline = setTimeout(() => reply.raw.destroy(), SCRAPE_MILLISECONDS)
    reply.raw.once('close', () => {
      underWay--
      clearTimeout(deadline)
    })
    const { scraper } = request.query
    const parameter = typeof scraper === 'string' ? scraper : ''
    const name = toScraperName(request.headers, request.ip, parameter)
    const from = name === undefined ? undefined : { name, connection: request.socket }
    const showing = scrapers.show(from, counts.lastBirth, clock())
    const known = showing.scraper
    if (known !== undefined) {
      reply.raw.once('finish', () => {
        if (reply.raw.statusCode !== 200) return
        options.keepScraper(scrapers.shown(known, showing, clock()))
      })
    }
    void reply.type(TEXT_FORMAT).header('vary', 'accept-encoding')
    const accepted = request.headers['accept-encoding']
    if (typeof accepted !== 'string' || !/\bgzip\b/.test(accepted)) {
      return reply.send(await renderer.plain(showing))
    }
    const body = await renderer.packed(showing)
    return reply.header('content-encoding', 'gzip').send(body)
  })
}

function servePage(app: FastifyInstance, facts: () => PageFacts, feed: Feed): void {
  app.get('/', (_request, reply) => sendPage(reply, facts()))
  app.get('/state', (_request, reply) => reply.send(facts()))
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE))
  app.get('/icon.svg', (_request, reply) => reply.type('image/svg+xml').send(ICON))
  app.get('/page.js', (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(CLIENT_SCRIPT),
  )
  app.get('/alerts', (request, reply) => {
    const after = request.headers['last-event-id']
    const isFull = !feed.subscribe(reply.raw, typeof after === 'string' ? after : undefined)
    if (isFull) return reply.code(503).header('retry-after', '10').send('too many viewers\n')
    reply.hijack()
    return reply
  })
}

function sendPage(reply: FastifyReply, facts: PageFacts): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .type('text/html; charset=utf-8')
    .send(renderPage(facts))
}
