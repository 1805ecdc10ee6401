/**
 * Output fields as they came over the wire: checked for their form, decoded when asked for.
 *
 * Counting needs two of an alert's twenty fields; decoding the rest would be most of its cost.
 */
import type protobuf from 'protobufjs/minimal.js'
import type { Fields } from '../alert.js'

type Reader = protobuf.Reader

export const NO_FIELDS: Fields = { get: () => undefined, forEach: () => undefined }

export interface FieldsReader {
  /** Takes one entry of the `map<string, string>`; the reader stands behind its tag. */
  skip(): void
  finish(): Fields
}

const KEY_TAG = (1 << 3) | 2
const VALUE_TAG = (2 << 3) | 2

/** Throws, as the reader does, on bytes that are no entry. */
export function createFieldsReader(reader: Reader): FieldsReader {
  /** Four numbers per field: where key and value begin and end. */
  const places: number[] = []
  return {
    skip() {
      const end = reader.uint32() + reader.pos
      if (end > reader.len) throw new RangeError('field ends outside of its alert')
      let keyStart = 0
      let keyEnd = 0
      let valueStart = 0
      let valueEnd = 0
      while (reader.pos < end) {
        const tag = reader.uint32()
        if (tag !== KEY_TAG && tag !== VALUE_TAG) {
          reader.skipType(tag & 7)
          continue
        }
        const length = reader.uint32()
        const start = reader.pos
        reader.skip(length)
        if (tag === KEY_TAG) {
          keyStart = start
          keyEnd = start + length
        } else {
          valueStart = start
          valueEnd = start + length
        }
      }
      if (valueEnd > valueStart) places.push(keyStart, keyEnd, valueStart, valueEnd)
    },
    finish: () => (places.length === 0 ? NO_FIELDS : new WireFields(toBuffer(reader), places)),
  }
}

function toBuffer({ buf }: Reader): Buffer {
  return Buffer.isBuffer(buf) ? buf : Buffer.from(buf.buffer, buf.byteOffset, buf.byteLength)
}

/** A class, since its two members are shared by thousands of alerts a second. */
class WireFields implements Fields {
  readonly #bytes: Buffer
  readonly #places: readonly number[]

  constructor(bytes: Buffer, places: readonly number[]) {
    this.#bytes = bytes
    this.#places = places
  }

  get(name: string): string | undefined {
    const places = this.#places
    for (let at = 0; at < places.length; at += 4) {
      const start = places[at] ?? 0
      const end = places[at + 1] ?? 0
      if (end - start !== name.length || !this.#isAt(name, start)) continue
      return this.#value(places[at + 2] ?? 0, places[at + 3] ?? 0)
    }
    return undefined
  }

  forEach(visit: (value: string, name: string) => void): void {
    const places = this.#places
    for (let at = 0; at < places.length; at += 4) {
      const value = this.#value(places[at + 2] ?? 0, places[at + 3] ?? 0)
      if (value === undefined) continue
      visit(value, toKey(this.#bytes, places[at] ?? 0, places[at + 1] ?? 0))
    }
  }

  /** What says "nothing" in words is left out. */
  #value(start: number, end: number): string | undefined {
    const text = this.#bytes.toString('utf8', start, end)
    return text === '<NA>' || text === 'null' ? undefined : text
  }

  #isAt(name: string, start: number): boolean {
    return isAt(this.#bytes, name, start)
  }
}

/** Names that were seen, by a cheap hash: they come again with every alert. */
const keys: (string | undefined)[] = new Array<string | undefined>(1_024)

/** Compared before it is decoded, since comparing costs a tenth. */
function toKey(bytes: Buffer, start: number, end: number): string {
  const first = bytes[start] ?? 0
  const middle = bytes[(start + end) >> 1] ?? 0
  const last = bytes[end - 1] ?? 0
  const place = (first + 31 * middle + 131 * last + 7 * (end - start)) & 1_023
  const known = keys[place]
  if (known?.length === end - start && isAt(bytes, known, start)) return known
  const key = bytes.toString('utf8', start, end)
  // A character is a byte in ASCII alone, and only then is the length the same.
  if (key.length === end - start) keys[place] = key
  return key
}

/** For names in ASCII, whose characters are bytes. */
function isAt(bytes: Buffer, name: string, start: number): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name.charCodeAt(index)) return false
  }
  return true
}
