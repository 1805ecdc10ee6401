/** Cgroups of a test's own. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from './daemon.js'

/** An empty one for who is to be told from the rest of the machine, where the container runtimes of this machine would make it. */
export function ownCgroup(t: Test): string {
  const cgroup = join(cgroupRoot(), `peregrine-test-${process.pid}`)
  mkdirSync(cgroup)
  t.teardown(() => {
    rmdirSync(cgroup)
  })
  return cgroup
}

/** Runs a marked program in a cgroup that is made for it, in the hierarchy that tells containers. */
export function runInCgroup(t: Test, name: string, mark: string): void {
  const root = cgroupRoot()
  const made: string[] = []
  let path = root
  for (const part of name.split('/')) {
    path = join(path, part)
    try {
      mkdirSync(path)
      made.unshift(path)
    } catch {
      // It is there already.
    }
  }
  const script = `echo $$ > ${join(path, 'cgroup.procs')} && exec /bin/true ${mark}`
  spawnSync('/bin/sh', ['-c', script])
  t.teardown(() => {
    for (const folder of made) rmdirSync(folder)
  })
}

function cgroupRoot(): string {
  const isOld = spawnSync('mountpoint', ['-q', '/sys/fs/cgroup/pids']).status === 0
  return isOld ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup'
}
