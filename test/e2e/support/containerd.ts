/** A containerd of the test's own, which runs pods; its network is the host's. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import { deedPath, type Test } from './daemon.js'
import { packBusybox, packImage, packRoot } from './images.js'
import { createKubelet, type Kubelet } from './kubelet.js'
import { processesNaming, unmountBelow } from './leftovers.js'
import { makeRuntime } from './runtime.js'

const PAUSE = 'peregrine.test/pause:1'
export const IMAGE = 'peregrine.test/nginx:1.27'

export interface Containerd {
  readonly socket: string
  readonly kubelet: Kubelet
  /** Makes an image of one layer. */
  load(name: string, tarball: string): void
  ctr(...args: readonly string[]): string
  /** Ends the daemon, not the containers, and starts it anew. */
  restart(): Promise<void>
}

/** `commands` are names of the busybox in the image. */
export async function startContainerd(t: Test, commands: readonly string[]): Promise<Containerd> {
  const directory = temporaryDirectory(t)
  t.teardown(() => {
    cleanUp(directory)
  })
  const socket = join(directory, 'containerd.sock')
  const daemon = createDaemon(directory, socket)
  const kubelet = createKubelet(t, socket, IMAGE)
  const start = async (): Promise<void> => {
    await daemon.start()
    // CRI is up a little later than the rest.
    await until('CRI answers', () => kubelet.isReady())
  }
  t.teardown(async () => {
    try {
      await kubelet.removePods()
    } finally {
      await daemon.stop()
    }
  })
  await start()
  const ctr = (...args: readonly string[]): string => run('ctr', ['-a', socket, ...args])
  const load = (name: string, tarball: string, entrypoint: readonly string[]): void => {
    const archive = packImage(directory, name, tarball, entrypoint)
    ctr('-n', 'k8s.io', 'images', 'import', archive)
  }
  const pause = packRoot(directory, 'pause', (root) => {
    cpSync(deedPath('pause'), join(root, 'pause'))
  })
  load(PAUSE, pause, ['/pause'])
  load(IMAGE, packBusybox(directory, commands), ['/bin/sleep', '600'])
  return {
    socket,
    kubelet,
    load(name, tarball) {
      load(name, tarball, ['/bin/sh'])
    },
    ctr,
    async restart() {
      await daemon.stop()
      await start()
    },
  }
}

function createDaemon(
  directory: string,
  socket: string,
): { start(): Promise<void>; stop(): Promise<void> } {
  const config = join(directory, 'config.toml')
  const cri = '[plugins."io.containerd.grpc.v1.cri"'
  mkdirSync(join(directory, 'cni'))
  writeFileSync(
    config,
    [
      'version = 2',
      `root = "${join(directory, 'root')}"`,
      `state = "${join(directory, 'state')}"`,
      '[grpc]',
      `address = "${socket}"`,
      `${cri}]`,
      `sandbox_image = "${PAUSE}"`,
      'restrict_oom_score_adj = true',
      'disable_apparmor = true',
      `${cri}.cni]`,
      `conf_dir = "${join(directory, 'cni')}"`,
      `${cri}.containerd]`,
      'snapshotter = "overlayfs"',
      `${cri}.containerd.runtimes.runc]`,
      'runtime_type = "io.containerd.runc.v2"',
      `${cri}.containerd.runtimes.runc.options]`,
      `BinaryName = "${makeRuntime(directory)}"`,
      '',
    ].join('\n'),
  )
  let stop = (): Promise<void> => Promise.resolve()
  return {
    async start() {
      const child = spawn('containerd', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
      let log = ''
      child.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
      const ended = new Promise<void>((resolve) => {
        child.once('close', () => {
          resolve()
        })
        child.once('error', (error) => {
          log += String(error)
          resolve()
        })
      })
      stop = () => {
        child.kill('SIGTERM')
        return ended
      }
      await until(`containerd answers; it said: ${log.slice(-2000)}`, () => {
        if (!existsSync(socket)) return false
        const { status } = spawnSync('ctr', ['-a', socket, 'version'])
        return status === 0 && log.includes('containerd successfully booted')
      })
    },
    stop: () => stop(),
  }
}

/** What a failed test left behind: shims with their containers, then mounts. */
function cleanUp(directory: string): void {
  for (const { pid, command } of processesNaming(directory)) {
    if (command.includes('containerd-shim')) process.kill(pid, 'SIGKILL')
  }
  unmountBelow(directory)
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}
