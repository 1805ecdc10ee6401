/**
 * A Docker of the test's own, in a network of its own: what it publishes and filters is not seen
 * outside and goes with it. It has no registry; its images are made of this machine's files.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import { COMPOSE, ROOT, run, runAsync, tryRun, type Ran } from './run.js'

export interface Teardown {
  readonly teardown: (work: () => unknown) => void
}

export interface Engine {
  /** Everything of it lies below. */
  readonly directory: string
  readonly socket: string
  docker(...args: readonly string[]): string
  /** Compose in the repository's root, with the settings that were given to `startEngine`. */
  compose(...args: readonly string[]): string
  /** The same with other settings, and whatever comes of it. */
  tryCompose(settings: Readonly<Record<string, string>>, ...args: readonly string[]): Ran
  /** The same, while the caller goes on. */
  composeAsync(...args: readonly string[]): Promise<void>
  /** Makes an image of a folder. */
  readonly image: (name: string, root: string, ...changes: readonly string[]) => void
  /** Names of the interfaces in its network. */
  interfaces(): readonly string[]
  /** Takes a port of its network; what comes back gives it free. */
  listen(port: number): () => void
  /** GET from within its network; undefined where nobody answers, or with an error. */
  get(url: string): string | undefined
}

/** On a machine that is busy with other things. */
const START_MILLISECONDS = 120_000

/** An engine pulls its images through this many names; none of them is asked for. */
const FLAGS = ['--registry-mirror=http://127.0.0.1:1']

export async function startEngine(
  t: Teardown,
  settings: Readonly<Record<string, string>>,
): Promise<Engine> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'docker.sock')
  const args = [
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'pid'), '--host', `unix://${socket}`, ...FLAGS],
  ]
  const script = 'busybox ip link set lo up && exec dockerd "$@"'
  const daemon = spawn('unshare', ['--net', '--', 'sh', '-c', script, 'dockerd', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  daemon.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  let isEnded = false
  const ended = new Promise<void>((resolve) => {
    daemon.once('close', () => {
      isEnded = true
      resolve()
    })
    daemon.once('error', (error) => {
      log += String(error)
      isEnded = true
      resolve()
    })
  })
  const environment = { DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '0', ...settings }
  const docker = (...rest: readonly string[]): string => run('docker', rest, environment).trim()
  t.teardown(async () => {
    if (!isEnded) {
      const containers = docker('ps', '-aq').split('\n').filter(Boolean)
      if (containers.length > 0) docker('rm', '-fv', ...containers)
    }
    daemon.kill('SIGTERM')
    await ended
  })
  await until(
    'Docker answers',
    () => {
      if (isEnded) throw new Error(`dockerd ended: ${log.slice(-2000)}`)
      return log.includes('API listen on')
    },
    START_MILLISECONDS,
  )
  const network = `--net=/proc/${daemon.pid ?? 0}/ns/net`
  return {
    directory,
    socket,
    docker,
    compose(...rest) {
      const args = ['--project-directory', ROOT]
      const set = { ...environment, CONTAINER_SOCKET: socket }
      const { code, stdout, stderr } = tryRun(COMPOSE, [...args, ...rest], set)
      if (code === 0) return stdout
      const logs = tryRun(COMPOSE, [...args, 'logs', '--no-color', '--tail=30'], set).stdout
      throw new Error(`compose ${rest.join(' ')}: ${stderr}\n${logs}`)
    },
    tryCompose(other, ...rest) {
      const set = { ...environment, CONTAINER_SOCKET: socket, ...other }
      return tryRun(COMPOSE, ['--project-directory', ROOT, ...rest], set)
    },
    composeAsync(...rest) {
      const args = ['--project-directory', ROOT, ...rest]
      return runAsync(COMPOSE, args, { ...environment, CONTAINER_SOCKET: socket })
    },
    image(name, root, ...changes) {
      const tarball = join(directory, 'image.tar')
      run('tar', ['-C', root, '-cf', tarball, '.'])
      docker('import', ...changes.flatMap((change) => ['-c', change]), tarball, name)
    },
    interfaces: () => interfacesIn(network),
    listen: (port) => listenIn(network, port),
    get(url) {
      const { code, stdout } = tryRun('nsenter', [network, 'curl', '-sf', '--max-time', '10', url])
      return code === 0 ? stdout : undefined
    },
  }
}

/** `network` as nsenter takes it. */
export function interfacesIn(network: string): readonly string[] {
  const lines = run('nsenter', [network, 'cat', '/proc/net/dev']).split('\n').slice(2)
  return lines.map((line) => line.split(':')[0]?.trim() ?? '').filter(Boolean)
}

export function listenIn(network: string, port: number): () => void {
  const script = `require('node:net').createServer().listen(${port}, '127.0.0.1')`
  const listener = spawn('nsenter', [network, process.execPath, '-e', script], { stdio: 'ignore' })
  const isTaken = (): boolean =>
    run('nsenter', [network, 'cat', '/proc/net/tcp']).includes(
      `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`,
    )
  while (!isTaken());
  return () => {
    listener.kill('SIGKILL')
    while (isTaken());
  }
}
