/**
 * Asks the thread that compares passwords. It begins with the first question, since most
 * exporters have no users, and does not keep the process alive.
 */
import { Worker } from 'node:worker_threads'

export interface Question {
  readonly id: number
  readonly password: string
  readonly hash: string
}

export interface Verdict {
  readonly id: number
  readonly isRight: boolean
}

export type ComparePassword = (password: string, hash: string) => Promise<boolean>

const WORKER = new URL('password-worker.js', import.meta.url)

export function createPasswordComparer(): ComparePassword {
  const waiting = new Map<number, (isRight: boolean) => void>()
  let worker: Worker | undefined
  let lastId = 0

  /** A thread that died lets nobody in; the next question gets a new one. */
  function giveUp(): void {
    worker = undefined
    for (const answer of waiting.values()) answer(false)
    waiting.clear()
  }

  function start(): Worker {
    const started = new Worker(WORKER)
    started.on('message', ({ id, isRight }: Verdict) => {
      waiting.get(id)?.(isRight)
      waiting.delete(id)
    })
    started.on('error', giveUp)
    started.unref()
    return started
  }

  return (password, hash) =>
    new Promise((resolve) => {
      const id = ++lastId
      waiting.set(id, resolve)
      worker ??= start()
      worker.postMessage({ id, password, hash } satisfies Question)
    })
}
