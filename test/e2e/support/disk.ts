/** A small disk that can be full. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, openSync, closeSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from './daemon.js'

export interface Disk {
  fill(): void
  free(): void
}

export function mountDisk(t: Test, path: string, megabytes: number): Disk {
  mkdirSync(path, { recursive: true })
  const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]
  const { status, stderr } = spawnSync('mount', options, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot mount a disk at ${path}: ${stderr}`)
  t.teardown(() => spawnSync('umount', ['-l', path]))
  const filler = join(path, 'filler')
  return {
    fill() {
      const file = openSync(filler, 'w')
      // From large pieces to small ones, until not a page is left.
      for (let size = 1024 * 1024; size >= 4096;) {
        try {
          writeSync(file, Buffer.alloc(size))
        } catch {
          size /= 2
        }
      }
      closeSync(file)
    },
    free() {
      rmSync(filler, { force: true })
    },
  }
}
