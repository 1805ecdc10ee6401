/**
 * Output fields as they came over the wire: checked for their form once, looked up when asked.
 *
 * Counting needs two of an alert's twenty fields; decoding the rest, or even remembering where
 * each one stands, would be most of its cost.
 */
import type { Fields } from '../alert.js'
import { isAt, toKnownText } from './texts.js'

export const NO_FIELDS: Fields = { get: () => undefined, forEach: () => undefined }

const ENTRY_TAG = (6 << 3) | 2
const KEY_TAG = (1 << 3) | 2
const VALUE_TAG = (2 << 3) | 2

/** Where an entry's key and value stand; written by `nextEntry`, so that nothing is allocated. */
const entry = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 }

/** A class, since its two members are shared by thousands of alerts a second. */
export class WireFields implements Fields {
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number

  /** From the first entry to the end of the last one; other fields may stand in between. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
  }

  get(name: string): string | undefined {
    const bytes = this.#bytes
    let at = nextEntry(bytes, this.#start, this.#end)
    for (; at >= 0; at = nextEntry(bytes, at, this.#end)) {
      const { keyStart, keyEnd, valueStart, valueEnd } = entry
      if (!isAt(bytes, name, keyStart, keyEnd)) continue
      if (isNothing(bytes, valueStart, valueEnd)) return undefined
      // Who asks by name asks for a label, whose values come again.
      return toKnownText(bytes, valueStart, valueEnd)
    }
    return undefined
  }

  forEach(visit: (value: string, name: string) => void): void {
    this.forEachBytes((bytes, start, end, name) => {
      visit(bytes.toString('utf8', start, end), name)
    })
  }

  forEachBytes(visit: (bytes: Buffer, start: number, end: number, name: string) => void): void {
    const bytes = this.#bytes
    let at = nextEntry(bytes, this.#start, this.#end)
    for (; at >= 0; at = nextEntry(bytes, at, this.#end)) {
      const { keyStart, keyEnd, valueStart, valueEnd } = entry
      if (isNothing(bytes, valueStart, valueEnd)) continue
      visit(bytes, valueStart, valueEnd, toKnownText(bytes, keyStart, keyEnd))
    }
  }
}

/** True of what says "nothing", in words or by being empty. */
function isNothing(bytes: Buffer, start: number, end: number): boolean {
  return start === end || isAt(bytes, '<NA>', start, end) || isAt(bytes, 'null', start, end)
}

/** Behind the number that `varint` read last. */
let behind = 0

function varint(bytes: Buffer, at: number): number {
  let byte = bytes[at] ?? 0
  if (byte < 0x80) {
    behind = at + 1
    return byte
  }
  let value = byte & 0x7f
  let shift = 7
  let next = at + 1
  do {
    byte = bytes[next] ?? 0
    next++
    if (shift < 32) value |= (byte & 0x7f) << shift
    shift += 7
  } while (byte >= 0x80)
  behind = next
  return value >>> 0
}

/** Finds the next entry and gives back where it ends, or -1. What stands here was checked. */
function nextEntry(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end) {
    const tag = varint(bytes, at)
    at = behind
    if (tag === ENTRY_TAG) {
      const length = varint(bytes, at)
      readEntry(bytes, behind, behind + length)
      return behind
    }
    at = skip(bytes, at, tag)
  }
  return -1
}

function readEntry(bytes: Buffer, start: number, end: number): void {
  entry.keyStart = entry.keyEnd = entry.valueStart = entry.valueEnd = 0
  let at = start
  while (at < end) {
    const tag = varint(bytes, at)
    at = behind
    if (tag !== KEY_TAG && tag !== VALUE_TAG) {
      at = skip(bytes, at, tag)
      continue
    }
    const length = varint(bytes, at)
    at = behind + length
    if (tag === KEY_TAG) {
      entry.keyStart = behind
      entry.keyEnd = at
    } else {
      entry.valueStart = behind
      entry.valueEnd = at
    }
  }
  behind = end
}

/** Behind a field that nobody asks for. */
function skip(bytes: Buffer, at: number, tag: number): number {
  switch (tag & 7) {
    case 0:
      varint(bytes, at)
      return behind
    case 1:
      return at + 8
    case 2: {
      const length = varint(bytes, at)
      return behind + length
    }
    default:
      return at + 4
  }
}
