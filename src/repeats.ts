/** Keeps what comes again and again from filling the log. */

export interface Time {
  readonly now: () => number
  /** Does it then, if the process is still there. */
  readonly later: (milliseconds: number, work: () => void) => void
}

/** `heldBack` is the number that were left out before this one. */
export type Write = (heldBack: number) => void

const COUNT = 10
const MILLISECONDS = 60_000

export const REAL_TIME: Time = {
  now: Date.now,
  later: (milliseconds, work) => void setTimeout(work, milliseconds).unref(),
}

/** Ten a minute are written as they come; of the rest the last, when the minute is over. */
export function createRepeats({ now, later }: Time): (write: Write) => void {
  let begun = -Infinity
  let count = 0
  let last: Write | undefined
  let heldBack = 0

  function flush(): void {
    const write = last
    last = undefined
    begun = now()
    count = 1
    write?.(heldBack - 1)
    heldBack = 0
  }

  return (write) => {
    // A clock that was set back begins a new minute, too.
    if (Math.abs(now() - begun) >= MILLISECONDS && last === undefined) {
      begun = now()
      count = 0
    }
    if (++count <= COUNT) {
      write(0)
      return
    }
    if (last === undefined) later(MILLISECONDS, flush)
    last = write
    heldBack++
  }
}
