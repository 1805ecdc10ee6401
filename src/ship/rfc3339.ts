/** Times as Loki writes and reads them. */

/** With nanoseconds; `Date` alone has milliseconds. */
export function toRfc3339(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString()
  const rest = String(nanoseconds % 1_000_000_000n).padStart(9, '0')
  return `${seconds.slice(0, seconds.indexOf('.'))}.${rest}Z`
}

/** Of a time without fractions; undefined of a text that is none. */
export function parseSeconds(text: string): bigint | undefined {
  const milliseconds = Date.parse(text)
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n
}
