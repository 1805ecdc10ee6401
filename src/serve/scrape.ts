/**
 * Answers to scrapes.
 *
 * Rendered in blocks with a turn for others in between. A compressed answer is made whole before
 * it is sent, so that a client that reads slowly holds its bytes and nothing else; who asks for
 * the same while it is being made gets the same bytes.
 */
import { setImmediate } from 'node:timers/promises'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { renderSeries, type Counts, type Showing } from '../series/index.js'

export interface ScrapeOptions {
  readonly counts: Counts
  /** Everything on the metrics page but the series of alerts. */
  readonly renderSelf: () => Promise<string>
}

export interface ScrapeRenderer {
  /** As it is, while the client takes it. */
  plain(showing: Showing): Promise<Readable>
  packed(showing: Showing): Promise<Buffer>
}

/** Level 1: labels repeat so much that more work saves next to nothing. */
const GZIP = { level: 1, chunkSize: 64 * 1024 }

export function createScrapeRenderer({ counts, renderSelf }: ScrapeOptions): ScrapeRenderer {
  /** By the youngest series in it; only of answers that are the same for everybody. */
  let underWay: { readonly lastBirth: number; readonly body: Promise<Buffer> } | undefined

  async function plain(showing: Showing): Promise<Readable> {
    const self = await renderSelf()
    return Readable.from(paced(renderSeries(counts, showing), self), { objectMode: false })
  }

  async function pack(showing: Showing): Promise<Buffer> {
    const parts: Buffer[] = []
    const packed = pipeline(await plain(showing), createGzip(GZIP), () => undefined)
    for await (const part of toBuffers(packed)) parts.push(part)
    return Buffer.concat(parts)
  }

  return {
    plain,
    packed(showing) {
      if (!showing.isPlain) return pack(showing)
      const { lastBirth } = showing
      if (underWay?.lastBirth === lastBirth) return underWay.body
      const body = pack(showing)
      const mine = { lastBirth, body }
      underWay = mine
      const forget = (): void => {
        if (underWay === mine) underWay = undefined
      }
      body.then(forget, forget)
      return body
    },
  }
}

function toBuffers(stream: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return stream
}

async function* paced(series: Iterable<Buffer>, self: string): AsyncGenerator<Buffer> {
  for (const block of series) {
    yield block
    await setImmediate()
  }
  yield Buffer.from(self)
}
