/** Keeps what comes again and again from filling the log. */

export interface Due {
  readonly isDue: boolean
  /** How many were held back before this one. */
  readonly heldBack: number
}

const COUNT = 10
const MILLISECONDS = 60_000

/** The first ten of a minute are due; the next one that is due knows how many were not. */
export function createRepeats(clock: () => number): () => Due {
  let begunMilliseconds = -Infinity
  let count = 0
  let heldBack = 0
  return () => {
    const now = clock()
    // A clock that was set back begins a new minute, too.
    if (Math.abs(now - begunMilliseconds) >= MILLISECONDS) {
      begunMilliseconds = now
      count = 0
    }
    if (++count > COUNT) {
      heldBack++
      return { isDue: false, heldBack }
    }
    const due = { isDue: true, heldBack }
    heldBack = 0
    return due
  }
}
