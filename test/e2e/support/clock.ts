/** The clock of one process, set by Debian's libfaketime; nothing in the program knows of it. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((triple) => `/usr/lib/${triple}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path))

export interface Clock {
  /** For the process whose clock it is. */
  readonly environment: Readonly<Record<string, string>>
  /** False without the library: the clock stays true. */
  readonly isSettable: boolean
  /** Off from the true time from now on. */
  set(seconds: number): void
}

export function createClock(directory: string): Clock {
  const file = join(directory, 'clock')
  const set = (seconds: number): void => {
    writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }
  set(0)
  const environment: Record<string, string> =
    LIBRARY === undefined
      ? {}
      : {
          LD_PRELOAD: LIBRARY,
          FAKETIME_TIMESTAMP_FILE: file,
          FAKETIME_CACHE_DURATION: '1',
          // Timers go on as they are: a machine's clock is set, its time does not jump.
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        }
  return { environment, isSettable: LIBRARY !== undefined, set }
}
