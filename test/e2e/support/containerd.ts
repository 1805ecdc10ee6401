/**
 * A containerd of the test's own, and a kubelet's part: pods made over its CRI socket alone.
 * No network plugin is there, so pods share the host's network.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import { deedPath, ROOT, type Test } from './daemon.js'

const PAUSE = 'peregrine.test/pause:1'
export const IMAGE = 'peregrine.test/nginx:1.27'

export interface Containerd {
  readonly socket: string
  /** Makes a pod with its sandbox, as a kubelet does. */
  runPod(pod: PodSpec): Promise<Pod>
  ctr(...args: readonly string[]): string
  /** Ends the daemon, not the containers, and starts it anew. */
  restart(): Promise<void>
}

export interface PodSpec {
  readonly name: string
  readonly namespace: string
  readonly labels?: Readonly<Record<string, string>>
  readonly cgroupParent?: string
}

export interface Pod {
  readonly sandboxId: string
  readonly uid: string
  /** Starts a container in the pod; gives back its id. */
  start(name: string, command: readonly string[]): Promise<string>
  exec(containerId: string, command: readonly string[]): Promise<void>
}

/** `commands` are names of the busybox in the image. */
export async function startContainerd(t: Test, commands: readonly string[]): Promise<Containerd> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'containerd.sock')
  const daemon = createDaemon(directory, socket)
  const call = connect(t, socket)
  // CRI is up a little later than the rest.
  const start = async (): Promise<void> => {
    await daemon.start()
    await until('CRI answers', () =>
      call('ListPodSandbox', {}).then(
        () => true,
        () => false,
      ),
    )
  }
  await start()
  t.teardown(async () => {
    for (const id of idsOf(await call('ListPodSandbox', {}))) {
      await call('StopPodSandbox', { pod_sandbox_id: id })
      await call('RemovePodSandbox', { pod_sandbox_id: id })
    }
    await daemon.stop()
  })
  const ctr = (...args: readonly string[]): string => run('ctr', ['-a', socket, ...args])
  const load = (name: string, entry: readonly string[], files: (root: string) => void): void => {
    const archive = packImage(directory, name, entry, files)
    ctr('-n', 'k8s.io', 'images', 'import', archive)
  }
  load(PAUSE, ['/pause'], (root) => {
    cpSync(deedPath('pause'), join(root, 'pause'))
  })
  load(IMAGE, ['/bin/sleep', '600'], (root) => {
    mkdirSync(join(root, 'bin'))
    cpSync('/bin/busybox', join(root, 'bin/busybox'))
    for (const command of commands) symlinkSync('busybox', join(root, 'bin', command))
  })
  return {
    socket,
    ctr,
    runPod: (spec) => runPod(call, spec),
    async restart() {
      await daemon.stop()
      await start()
    },
  }
}

type Call = (method: string, request: object) => Promise<Readonly<Record<string, unknown>>>

async function runPod(call: Call, spec: PodSpec): Promise<Pod> {
  const uid = crypto.randomUUID()
  const identity = {
    'io.kubernetes.pod.name': spec.name,
    'io.kubernetes.pod.namespace': spec.namespace,
    'io.kubernetes.pod.uid': uid,
  }
  const hostNetwork = { namespace_options: { network: 2 } }
  const config = {
    metadata: { name: spec.name, uid, namespace: spec.namespace },
    labels: { ...identity, ...spec.labels },
    annotations: { 'kubernetes.io/config.source': 'api' },
    linux: {
      cgroup_parent: spec.cgroupParent ?? `/kubepods/besteffort/pod${uid}`,
      security_context: hostNetwork,
    },
  }
  const { pod_sandbox_id: sandboxId } = await call('RunPodSandbox', { config })
  if (typeof sandboxId !== 'string') throw new Error('no sandbox')
  return {
    sandboxId,
    uid,
    async start(name, command) {
      const { container_id: id } = await call('CreateContainer', {
        pod_sandbox_id: sandboxId,
        sandbox_config: config,
        config: {
          metadata: { name },
          image: { image: IMAGE },
          command,
          labels: { ...identity, 'io.kubernetes.container.name': name },
          annotations: { 'io.kubernetes.container.restartCount': '0' },
          linux: { security_context: hostNetwork },
        },
      })
      if (typeof id !== 'string') throw new Error('no container')
      await call('StartContainer', { container_id: id })
      return id
    },
    async exec(containerId, command) {
      await call('ExecSync', { container_id: containerId, cmd: command, timeout: 60 })
    },
  }
}

function idsOf(answer: Readonly<Record<string, unknown>>): readonly string[] {
  const items: unknown = answer.items
  if (!Array.isArray(items)) return []
  return items.flatMap((item: unknown) => {
    const isPod = typeof item === 'object' && item !== null && 'id' in item
    return isPod && typeof item.id === 'string' ? [item.id] : []
  })
}

function connect(t: Test, socket: string): Call {
  const definition = loadSync(join(ROOT, 'test/e2e/support/cri.proto'), { keepCase: true })
  const service = definition['runtime.v1.RuntimeService']
  if (service === undefined || !('RunPodSandbox' in service)) throw new Error('no CRI in cri.proto')
  loadPackageDefinition(definition)
  const methods = service
  const client = new Client(`unix:${socket}`, credentials.createInsecure())
  t.teardown(() => {
    client.close()
  })
  return (name, request) =>
    new Promise((resolve, reject) => {
      const method = methods[name]
      if (method === undefined) throw new Error(`no method ${name}`)
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        (bytes: Buffer): Record<string, unknown> => ({ ...method.responseDeserialize(bytes) }),
        request,
        { deadline: Date.now() + 60_000 },
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'))
          else resolve(answer)
        },
      )
    })
}

function createDaemon(
  directory: string,
  socket: string,
): { start(): Promise<void>; stop(): Promise<void> } {
  const config = join(directory, 'config.toml')
  const cri = '[plugins."io.containerd.grpc.v1.cri"'
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
      `${cri}.containerd]`,
      'snapshotter = "overlayfs"',
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

/** An OCI archive of one layer. */
function packImage(
  directory: string,
  name: string,
  entrypoint: readonly string[],
  fill: (root: string) => void,
): string {
  const folder = join(directory, name.replaceAll(/[^a-z0-9]/g, '-'))
  const [root, layout] = [join(folder, 'root'), join(folder, 'layout')]
  mkdirSync(root, { recursive: true })
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
  fill(root)
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const hash = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs/sha256', hash), bytes)
    return { digest: `sha256:${hash}`, size: bytes.length }
  }
  const putJson = (value: object): { digest: string; size: number } =>
    put(Buffer.from(JSON.stringify(value)))
  const layer = put(runToBytes('tar', ['-C', root, '-cf', '-', '.']))
  const config = putJson({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: entrypoint },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const oci = 'application/vnd.oci.image'
  const manifest = putJson({
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: { mediaType: `${oci}.config.v1+json`, ...config },
    layers: [{ mediaType: `${oci}.layer.v1.tar`, ...layer }],
  })
  const annotations = { 'io.containerd.image.name': name }
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations }],
    }),
  )
  const archive = `${folder}.tar`
  run('tar', ['-C', layout, '-cf', archive, '.'])
  return archive
}

function run(program: string, args: readonly string[]): string {
  return runToBytes(program, args).toString('utf8').trim()
}

function runToBytes(program: string, args: readonly string[]): Buffer {
  const options = { maxBuffer: 256 << 20 }
  const { status, stdout, stderr } = spawnSync(program, args, options)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.toString()}`)
  return stdout
}
