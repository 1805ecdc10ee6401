/**
 * JSON written as bytes, into a buffer that is used again and again.
 *
 * Entries are most of what the exporter does. Most of their text is printable ASCII, which
 * stands in JSON as it is: copying and checking a byte costs a nanosecond, where a string per
 * field would be decoded, checked, joined and encoded again.
 */
import { toPrintable } from '../text.js'

const FIRST_BYTES = 1024 * 1024
const QUOTE = 0x22
const BACKSLASH = 0x5c

export class JsonWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What was written; good until the next `clear`. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  /** Takes back what was written behind this length. */
  cut(length: number): void {
    this.#length = length
  }

  /** JSON of our own, in ASCII. */
  raw(text: string): void {
    this.#reserve(text.length)
    const bytes = this.#bytes
    let at = this.#length
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index)
    this.#length = at
  }

  /** JSON of our own that holds foreign text. */
  utf8(text: string): void {
    this.#reserve(3 * text.length)
    this.#length += this.#bytes.write(text, this.#length)
  }

  /** Text as a JSON string: printable, and of at most `limitBytes` with a visible cut. */
  string(text: string, limitBytes: number): void {
    this.#reserve(text.length + 2)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = QUOTE
    if (text.length <= limitBytes) {
      let index = 0
      for (; index < text.length; index++) {
        const code = text.charCodeAt(index)
        if (!isPlain(code)) break
        bytes[at++] = code
      }
      if (index === text.length) {
        bytes[at++] = QUOTE
        this.#length = at
        return
      }
    }
    this.utf8(JSON.stringify(toPrintable(text, limitBytes)))
  }

  /** The same, of text that stands in UTF-8 somewhere else. */
  bytes(source: Buffer, start: number, end: number, limitBytes: number): void {
    const length = end - start
    this.#reserve(length + 2)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = QUOTE
    if (length <= limitBytes) {
      let index = start
      for (; index < end; index++) {
        const code = source[index] ?? 0
        if (!isPlain(code)) break
        bytes[at++] = code
      }
      if (index === end) {
        bytes[at++] = QUOTE
        this.#length = at
        return
      }
    }
    this.utf8(JSON.stringify(toPrintable(source.toString('utf8', start, end), limitBytes)))
  }

  #reserve(more: number): void {
    const wanted = this.#length + more
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** True of what JSON strings and UTF-8 hold as it is. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code < 0x7f && code !== QUOTE && code !== BACKSLASH
}
