/** What a container runtime leaves behind below a folder: processes and mounts. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

interface Running {
  readonly pid: number
  /** Arguments, each with a zero behind it. */
  readonly command: string
}

/** Processes that have the folder among their arguments. */
export function processesNaming(directory: string): readonly Running[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
    .filter(({ command }) => command.includes(directory))
}

/** Unmounts all below the folder, the inner ones first. */
export function unmountBelow(directory: string): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
  for (const path of mounts.toReversed()) spawnSync('umount', ['--lazy', path])
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
