/**
 * What Loki takes of a push by its times. Its distributor refuses what is outside of the window of
 * its clock, and its ingester what is an hour behind the newest entry of the log stream; the others
 * are stored. Of several log streams the ingester's answer is about the last that had such entries,
 * and what the distributor refused is told only if the ingester took the rest.
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
  push(
    streams: readonly IngesterStream[],
    nowMilliseconds: number,
    keep: (stream: number, entry: number) => void,
  ): string
}

export function createIngester(): Ingester {
  const newest = new Map<string, bigint>()

  function pushStream(
    { stream, times }: IngesterStream,
    indexes: readonly number[],
    keep: (entry: number) => void,
  ): string {
    const labels = toLabels(stream)
    const refused: string[] = []
    for (const index of indexes) {
      const time = times[index] ?? '0'
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
    const total = `total ignored: ${refused.length} out of ${indexes.length} for stream: ${labels}`
    return `${refused.slice(0, NAMED).join('')}user 'fake', ${total}`
  }

  return {
    push(streams, nowMilliseconds, keep) {
      let answer = ''
      const refused: string[] = []
      for (const [index, one] of streams.entries()) {
        const inside = [...one.times.keys()].filter((at) => {
          const refusal = toRefusal(one.times[at] ?? '0', one.stream, nowMilliseconds)
          if (refusal !== undefined) refused.push(refusal)
          return refusal === undefined
        })
        const text = pushStream(one, inside, (entry) => {
          keep(index, entry)
        })
        if (text !== '') answer = text
      }
      return answer !== '' || refused.length === 0 ? answer : toText(refused)
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

/** As Loki groups them; where there is but one, it stands alone. */
function toText(refused: readonly string[]): string {
  const [first = ''] = refused
  if (refused.length === 1) return first
  const counts = new Map<string, number>()
  for (const text of refused) counts.set(text, (counts.get(text) ?? 0) + 1)
  return Array.from(counts, ([text, count]) => `${count} errors like: ${text}`).join('; ')
}

const AHEAD_MILLISECONDS = 600_000
const WINDOW_MILLISECONDS = 7 * 86_400_000

/** Why Loki's clock does not let it take an entry of this time. */
function toRefusal(nanoseconds: string, stream: object, now: number): string | undefined {
  const milliseconds = Number(BigInt(nanoseconds) / 1_000_000n)
  const what = `entry for stream '${JSON.stringify(stream)}' has timestamp`
  if (milliseconds > now + AHEAD_MILLISECONDS)
    return `${what} too new: ${toSeconds(BigInt(nanoseconds))}`
  const oldest = now - WINDOW_MILLISECONDS
  if (milliseconds >= oldest) return undefined
  const limit = `oldest acceptable timestamp is: ${toSeconds(BigInt(oldest) * 1_000_000n)}`
  return `${what} too old: ${toSeconds(BigInt(nanoseconds))}, ${limit}`
}
