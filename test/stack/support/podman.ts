/**
 * A rootful Podman of the caller's own, in a network of its own, with the API that Compose speaks.
 * Its health checks are timers of systemd, which may not run here: they are run by hand.
 */
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processesNaming, unmountBelow } from '../../e2e/support/leftovers.js'
import { makeRuntime } from '../../e2e/support/runtime.js'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import { interfacesIn, listenIn, type Engine, type Teardown } from './engine.js'
import { COMPOSE, ROOT, run, runAsync, tryRun } from './run.js'

const START_MILLISECONDS = 120_000
const CHECK_EVERY_MILLISECONDS = 1000

/** Events in a file, since no journal may run here. */
const SETTINGS = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
`

/** Docker Compose through Podman's API, or Podman's own program, which calls `podman`. */
export type Composer = 'docker compose' | 'podman-compose'

/** Names of containers need both programs beside Podman. */
export function hasPodmanNetworks(): boolean {
  return ['netavark', 'aardvark-dns'].every((name) => existsSync(`/usr/lib/podman/${name}`))
}

export async function startPodman(
  t: Teardown,
  settings: Readonly<Record<string, string>>,
  composer: Composer = 'docker compose',
): Promise<Engine> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'podman.sock')
  const configuration = join(directory, 'containers.conf')
  writeFileSync(configuration, SETTINGS)
  const flags = [
    ...['--root', join(directory, 'root'), '--runroot', join(directory, 'run')],
    ...['--tmpdir', join(directory, 'tmp'), '--storage-driver', 'overlay'],
    ...['--runtime', makeRuntime(directory), '--network-config-dir', join(directory, 'networks')],
  ]
  const own = {
    CONTAINERS_CONF: configuration,
    TMPDIR: directory,
    DISABLE_HC_SYSTEMD: 'true',
  }
  t.teardown(() => {
    unmountBelow(directory)
  })
  const service = [...flags, 'system', 'service', '--time=0', `unix://${socket}`]
  const script = 'busybox ip link set lo up && exec podman "$@"'
  const daemon = spawn('unshare', ['--net', '--', 'sh', '-c', script, 'podman', ...service], {
    env: { PATH: process.env.PATH, HOME: directory, ...own },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  daemon.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  const ended = new Promise((resolve) => daemon.once('close', resolve))
  const network = `--net=/proc/${daemon.pid ?? 0}/ns/net`
  const environment = { DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '0', ...settings, ...own }
  const podman = (...rest: readonly string[]): string =>
    run('nsenter', [network, 'podman', ...flags, ...rest], environment).trim()
  t.teardown(async () => {
    clearInterval(checks)
    podman('rm', '--all', '--force', '--time=0')
    daemon.kill('SIGTERM')
    await ended
    await until('nothing of Podman runs', () => processesNaming(directory).length === 0)
  })
  const checks = setInterval(() => {
    const names = tryRun('podman', [...flags, 'ps', '-q'], environment).stdout.split('\n')
    for (const name of names.filter(Boolean)) {
      spawn('nsenter', [network, 'podman', ...flags, 'healthcheck', 'run', name], {
        env: { PATH: process.env.PATH, ...environment },
        stdio: 'ignore',
      })
    }
  }, CHECK_EVERY_MILLISECONDS)
  await until(
    'Podman answers',
    () => {
      if (daemon.exitCode !== null) throw new Error(`podman ended: ${log.slice(-2000)}`)
      return existsSync(socket)
    },
    START_MILLISECONDS,
  )
  const wrapper = join(directory, 'podman')
  const command = ['exec', 'nsenter', network, '--', 'podman', ...flags, '"$@"'].join(' ')
  writeFileSync(wrapper, `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  const [program, ...first] =
    composer === 'podman-compose'
      ? (['podman-compose', '--podman-path', wrapper] as const)
      : ([COMPOSE, '--project-directory', ROOT] as const)
  // As docs/install.md says for Podman.
  const set = {
    ...environment,
    CONTAINER_SOCKET: socket,
    CONTAINER_RUNTIME: 'podman',
    PEREGRINED_SECCOMP: 'unconfined',
  }
  return {
    directory,
    socket,
    docker: podman,
    compose(...rest) {
      const { code, stdout, stderr } = tryRun(program, [...first, ...rest], set)
      if (code === 0) return stdout
      throw new Error(`compose ${rest.join(' ')}: ${stderr}\n${log.slice(-3000)}`)
    },
    tryCompose: (other, ...rest) => tryRun(program, [...first, ...rest], { ...set, ...other }),
    composeAsync(...rest) {
      return runAsync(program, [...first, ...rest], set)
    },
    image(name, root, ...changes) {
      const tarball = join(directory, 'image.tar')
      run('tar', ['-C', root, '-cf', tarball, '.'])
      podman('import', ...changes.flatMap((change) => ['-c', change]), tarball, name)
    },
    interfaces: () => interfacesIn(network),
    listen: (port) => listenIn(network, port),
    get(url) {
      const { code, stdout } = tryRun('nsenter', [network, 'curl', '-sf', '--max-time', '10', url])
      return code === 0 ? stdout : undefined
    },
  }
}
