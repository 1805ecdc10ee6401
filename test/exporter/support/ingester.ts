/**
 * How Loki's ingester keeps log streams in order: an entry an hour behind the newest of its log
 * stream is refused, the others are stored, and of several log streams the answer is about the last
 * that had such entries.
 */

const BEHIND_NANOSECONDS = 3_600_000_000_000n
/** Loki's `max_returned_stream_errors`. */
const NAMED = 10

export interface IngesterStream {
  readonly stream: Readonly<Record<string, string>>
  readonly times: readonly string[]
}

export interface Ingester {
  /** Gives back the text of the answer, empty where all was stored; `keep` is told by index. */
  push(streams: readonly IngesterStream[], keep: (stream: number, entry: number) => void): string
}

export function createIngester(): Ingester {
  const newest = new Map<string, bigint>()

  function pushStream({ stream, times }: IngesterStream, keep: (entry: number) => void): string {
    const labels = toLabels(stream)
    const refused: string[] = []
    for (const [index, time] of times.entries()) {
      const nanoseconds = BigInt(time)
      const before = newest.get(labels)
      const oldest = before === undefined ? 0n : before - BEHIND_NANOSECONDS
      if (nanoseconds < oldest) {
        const limit = `oldest acceptable timestamp is: ${toSeconds(oldest)}`
        const why = `entry too far behind, entry timestamp is: ${toSeconds(nanoseconds)}, ${limit}`
        refused.push(`entry with timestamp ${toGoTime(nanoseconds)} ignored, reason: '${why}',\n`)
        continue
      }
      keep(index)
      if (before === undefined || nanoseconds > before) newest.set(labels, nanoseconds)
    }
    if (refused.length === 0) return ''
    const total = `total ignored: ${refused.length} out of ${times.length} for stream: ${labels}`
    return `${refused.slice(0, NAMED).join('')}user 'fake', ${total}`
  }

  return {
    push(streams, keep) {
      let answer = ''
      for (const [index, one] of streams.entries()) {
        const text = pushStream(one, (entry) => {
          keep(index, entry)
        })
        if (text !== '') answer = text
      }
      return answer
    },
  }
}

function toLabels(stream: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(stream).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `{${pairs.sort().join(', ')}}`
}

function toSeconds(nanoseconds: bigint): string {
  return `${new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19)}Z`
}

/** Trailing zeros are left out, and the point before them. */
function toGoTime(nanoseconds: bigint): string {
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, '0')
  const rest = `.${fraction}`.replace(/\.?0+$/, '')
  return `${toSeconds(nanoseconds).replace('T', ' ').replace('Z', '')}${rest} +0000 UTC`
}
