/**
 * What others read: `/metrics`, `/healthz`, `/readyz`, and the page at `/`.
 *
 * Reads, and changes nothing but which series a scraper was shown. A client that reads slowly
 * holds only its own answer: blocks are rendered as they are taken.
 */
export { createServer, type Readiness, type ServeOptions, type Server } from './serve.js'
export type { PageFacts } from './page.js'
