/** Waiting that a stop ends at once, and how long to wait before the next try. */

/** Asked anew each time: a plain `signal.aborted` is taken for settled once it was read. */
export function isStopped(signal: AbortSignal): boolean {
  return signal.aborted
}

/** Resolves after `milliseconds` or as soon as `signal` aborts, whichever comes first. */
export function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done, { once: true })
  })
}

export interface Backoff {
  readonly firstMilliseconds: number
  readonly limitMilliseconds: number
}

/** Exponential with full jitter, so that many clients of one server do not come back together. */
export function toBackoff(attempt: number, backoff: Backoff, random: () => number): number {
  const ceiling = Math.min(backoff.limitMilliseconds, backoff.firstMilliseconds * 2 ** attempt)
  return Math.round(ceiling * random())
}

/** A flag that one loop raises and another waits for; raises while nobody waits are kept once. */
export interface Bell {
  ring(): void
  wait(signal: AbortSignal, milliseconds?: number): Promise<void>
}

export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(signal, milliseconds) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            clearTimeout(timer)
            signal.removeEventListener('abort', done)
            wake = undefined
            resolve()
          }
          const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds)
          signal.addEventListener('abort', done, { once: true })
          wake = done
        })
      }
      rung = false
    },
  }
}

/** Tries until it works or the signal aborts; `failed` hears of each failure. */
export async function untilDone(
  work: () => Promise<void>,
  failed: (error: unknown) => void,
  backoff: Backoff,
  signal: AbortSignal,
): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    try {
      await work()
      return true
    } catch (error) {
      failed(error)
      if (signal.aborted) return false
      await delay(toBackoff(attempt, backoff, Math.random), signal)
    }
  }
}

/** Runs one piece of work after the other, in the order of the calls. */
export function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work, work)
    last = turn
    return turn
  }
}
