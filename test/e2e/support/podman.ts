/** A Podman of the test's own: its storage, its API service, its images; no network, no registry. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import type { Test } from './daemon.js'
import { packBusybox } from './images.js'
import { processesNaming, unmountBelow } from './leftovers.js'
import { makeRuntime } from './runtime.js'

export const IMAGE = 'localhost/peregrine-test:2'

export interface Podman {
  /** The socket of its API. */
  readonly socket: string
  /** Runs `podman ARGS` and gives back what it printed. */
  podman(...args: readonly string[]): string
  /** Ends the API service, not the containers, and starts it anew. */
  restart(): Promise<void>
}

/** `commands` are names of the busybox in the image. */
export async function startPodman(t: Test, commands: readonly string[]): Promise<Podman> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'podman.sock')
  const settings = join(directory, 'containers.conf')
  writeFileSync(settings, SETTINGS)
  const own = [
    ...['--root', join(directory, 'root'), '--runroot', join(directory, 'run')],
    ...['--tmpdir', join(directory, 'tmp'), '--storage-driver', 'overlay'],
    ...['--runtime', makeRuntime(directory)],
  ]
  const env = { PATH: process.env.PATH, CONTAINERS_CONF: settings, TMPDIR: directory }
  const podman = (...args: readonly string[]): string => {
    const options = { encoding: 'utf8', env } as const
    const { status, stdout, stderr } = spawnSync('podman', [...own, ...args], options)
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}${stdout}`)
    return stdout.trim()
  }
  t.teardown(() => {
    // Podman keeps its storage mounted over itself.
    unmountBelow(directory)
  })
  t.teardown(async () => {
    podman('rm', '--all', '--force', '--time=0')
    // What watches a container tidies up after it, and would make the folder anew.
    await until('nothing of Podman runs', () => processesNaming(directory).length === 0)
  })
  podman('import', packBusybox(directory, commands), IMAGE)
  let stop = (): Promise<void> => Promise.resolve()
  const start = async (): Promise<void> => {
    const service = ['system', 'service', '--time=0', `unix://${socket}`]
    const child = spawn('podman', [...own, ...service], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
    const ended = new Promise<void>((resolve) => {
      child.once('close', () => {
        resolve()
      })
      child.once('error', () => {
        resolve()
      })
    })
    stop = () => {
      child.kill('SIGTERM')
      return ended
    }
    await until('Podman answers', () => {
      if (child.exitCode !== null) throw new Error(`podman ended: ${log}`)
      return existsSync(socket)
    })
  }
  t.teardown(() => stop())
  await start()
  return {
    socket,
    podman,
    async restart() {
      await stop()
      await start()
    },
  }
}

/** Limits that a container may set without more rights than the test has; events in a file, since no
 * journal runs here. */
const SETTINGS = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`
