/** Reads what is appended to a file. */
import { openSync, readSync } from 'node:fs'

export interface Tail {
  /** Whole lines that have come since the last call. */
  more(): readonly string[]
  /** All of them since `forget`. */
  lines(): readonly string[]
  /** Leaves out what there is so far. */
  forget(): void
}

const NEWLINE = 0x0a
const CHUNK_BYTES = 1024 * 1024

/** Makes the file if it is not there. */
export function openTail(path: string): Tail {
  const fd = openSync(path, 'a+')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let rest = Buffer.alloc(0)
  let kept: string[] = []

  function more(): readonly string[] {
    const parts = [rest]
    for (let length = 0; (length = readSync(fd, chunk)) > 0;) {
      parts.push(Buffer.from(chunk.subarray(0, length)))
    }
    const bytes = Buffer.concat(parts)
    const end = bytes.lastIndexOf(NEWLINE) + 1
    rest = bytes.subarray(end)
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    kept.push(...lines)
    return lines
  }

  return {
    more,
    lines: () => kept,
    forget() {
      more()
      kept = []
    },
  }
}
