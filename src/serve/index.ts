/**
 * What others read: `/metrics`, `/healthz`, `/readyz`, and the page at `/`.
 *
 * Reads, and changes nothing but which series a scraper was shown. A client that reads slowly
 * holds only its own answer: blocks are rendered as they are taken, with a turn for the others
 * in between.
 */
export { createServer, type Readiness, type ServeOptions, type Server } from './serve.js'
export { createFeed, type Feed } from './feed.js'
export type { PageFacts, Place } from './page.js'
export { readWebConfig, WebConfigError, type WebConfig } from './web-config.js'
