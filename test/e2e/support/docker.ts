/** A Docker of the test's own: its daemon, its socket, its images; no network and no registry. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import type { Test } from './daemon.js'
import { packBusybox } from './images.js'
import { makeRuntime } from './runtime.js'

export interface Docker {
  /** The image's name; it holds a static busybox under the names that were asked for. */
  readonly image: string
  /** What it was made from. */
  readonly tarball: string
  /** The socket of its API. */
  readonly socket: string
  /** Runs `docker ARGS` and gives back what it printed. */
  docker(...args: readonly string[]): string
  /** The same on a terminal. */
  dockerOnTerminal(...args: readonly string[]): string
  /** Ends the daemon, and with it the containers, and starts it anew. */
  restart(): Promise<void>
}

const IMAGE = 'peregrine-test'

export async function startDocker(t: Test, commands: readonly string[]): Promise<Docker> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'docker.sock')
  const host = `unix://${socket}`
  const args = [
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'pid'), '--host', host],
    ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
    ...['--add-runtime', `whole=${makeRuntime(directory)}`, '--default-runtime=whole'],
  ]
  const run = (program: string, ...rest: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, rest, {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, DOCKER_HOST: host, TERM: 'xterm' },
    })
    if (status !== 0) throw new Error(`${program} ${rest.join(' ')}: ${stderr}${stdout}`)
    return stdout.trim()
  }
  let daemon = spawnDocker(args)
  t.teardown(async () => {
    if (!daemon.isEnded()) {
      const running = run('docker', 'ps', '-aq').split('\n').filter(Boolean)
      if (running.length > 0) run('docker', 'rm', '-f', ...running)
    }
    await daemon.stop()
  })
  await daemon.ready()
  const tarball = packBusybox(directory, commands)
  run('docker', 'import', tarball, IMAGE)
  return {
    image: IMAGE,
    tarball,
    socket,
    docker: (...rest) => run('docker', ...rest),
    // script(1) gives docker the terminal that this process has not.
    dockerOnTerminal: (...rest) =>
      run('script', '-qec', ['docker', ...rest].join(' '), '/dev/null'),
    async restart() {
      await daemon.stop()
      daemon = spawnDocker(args)
      await daemon.ready()
    },
  }
}

interface RunningDocker {
  readonly isEnded: () => boolean
  ready(): Promise<void>
  stop(): Promise<void>
}

function spawnDocker(args: readonly string[]): RunningDocker {
  const child = spawn('dockerd', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  let isEnded = false
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isEnded = true
      resolve()
    }
    child.once('close', end)
    child.once('error', (error) => {
      log += String(error)
      end()
    })
  })
  return {
    isEnded: () => isEnded,
    ready: () =>
      until('Docker answers', () => {
        if (isEnded) throw new Error(`dockerd ended: ${log.slice(-2000)}`)
        return log.includes('API listen on')
      }),
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}
