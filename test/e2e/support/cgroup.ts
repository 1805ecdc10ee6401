/** A cgroup for who is to be told from the rest of the machine. */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from './daemon.js'

/** An empty one, where the container runtimes of this machine would make it. */
export function ownCgroup(t: Test): string {
  const versionOne = '/sys/fs/cgroup/pids'
  const root = existsSync(versionOne) ? versionOne : '/sys/fs/cgroup'
  const cgroup = join(root, `peregrine-test-${process.pid}`)
  mkdirSync(cgroup)
  t.teardown(() => {
    rmdirSync(cgroup)
  })
  return cgroup
}
