/**
 * Answers to scrapes.
 *
 * Few series are sent as one text, many in blocks with a turn for others in between. A compressed
 * answer is made whole before it is sent, so that a client that reads slowly holds its bytes and
 * nothing else; who asks for the same while it is being made gets the same bytes.
 */
import { setImmediate } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { createPacker, toGzip } from '../pack.js'
import {
  createOneBlock,
  isBrief,
  newBlocks,
  renderSeries,
  type Counts,
  type Showing,
} from '../series/index.js'
import { createTurns } from '../waits.js'

export interface ScrapeOptions {
  readonly counts: Counts
  /** Everything on the metrics page but the series of alerts. */
  readonly renderSelf: () => Promise<string>
}

export interface ScrapeRenderer {
  /** As it is; what is long, while the client takes it. */
  plain(showing: Showing): Promise<string | Readable>
  packed(showing: Showing): Promise<Buffer>
}

export function createScrapeRenderer({ counts, renderSelf }: ScrapeOptions): ScrapeRenderer {
  // One for all scrapes: the memory of a new one for each would bring on a full collection of
  // garbage, which holds everybody, every few scrapes.
  const packer = createPacker()
  const inTurn = createTurns()
  const brief = createOneBlock()
  /** By the youngest series in it; only of answers that are the same for everybody. */
  let underWay: { readonly lastBirth: number; readonly body: Promise<Buffer> } | undefined

  async function plain(showing: Showing): Promise<string | Readable> {
    const self = await renderSelf()
    // Buffers and streams leave much more behind for the collector than texts do.
    if (isBrief(counts)) {
      return Array.from(renderSeries(counts, showing, brief), String).join('') + self
    }
    const blocks = paced(renderSeries(counts, showing, newBlocks), Buffer.from(self))
    return Readable.from(blocks, { objectMode: false })
  }

  async function pack(showing: Showing): Promise<Buffer> {
    const pieces: Buffer[] = []
    const self = Buffer.from(await renderSelf())
    // Each block is packed before the next is rendered, so that one place for it is enough.
    for await (const block of paced(renderSeries(counts, showing, createOneBlock()), self)) {
      pieces.push(await inTurn(() => packer.pack(block)))
    }
    return toGzip(pieces)
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

async function* paced(series: Iterable<Buffer>, self: Buffer): AsyncGenerator<Buffer> {
  for (const block of series) {
    yield block
    await setImmediate()
  }
  yield self
}
