/** A kubelet's part: pods made over a CRI socket alone, in the host's network. */
import { join } from 'node:path'
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { until } from '../../exporter/support/exporter.js'
import { ROOT, type Test } from './daemon.js'

/** As a kubelet's cgroupfs driver names the cgroups of pods. */
export const CGROUP_PARENTS = {
  guaranteed: '/kubepods',
  burstable: '/kubepods/burstable',
  besteffort: '/kubepods/besteffort',
} as const

export interface PodSpec {
  readonly name: string
  readonly namespace: string
  readonly labels?: Readonly<Record<string, string>>
  /** Best effort unless told. */
  readonly qualityOfService?: keyof typeof CGROUP_PARENTS
  readonly isPrivileged?: boolean
}

export interface Pod {
  readonly sandboxId: string
  readonly uid: string
  /** Starts a container in the pod; gives back its id. */
  start(name: string, command: readonly string[], image?: string): Promise<string>
  exec(containerId: string, command: readonly string[]): Promise<void>
  /** As `kubectl exec -it` does. */
  execOnTerminal(containerId: string, command: readonly string[]): Promise<Terminal>
  remove(): Promise<void>
}

export interface Terminal {
  /** All that was shown so far. */
  readonly shown: () => string
  readonly isClosed: () => boolean
  type(text: string): void
  close(): void
}

export interface Kubelet {
  /** Makes a pod with its sandbox. */
  runPod(pod: PodSpec): Promise<Pod>
  isReady(): Promise<boolean>
  removePods(): Promise<void>
}

/** `image` is what containers are made from unless they name another. */
export function createKubelet(t: Test, socket: string, image: string): Kubelet {
  const call = connect(t, socket)
  // As a kubelet does, which comes again where a runtime was not done yet.
  const remove = async (id: string): Promise<void> => {
    await until(`pod ${id} is removed`, async () => {
      try {
        await call('StopPodSandbox', { pod_sandbox_id: id })
        await call('RemovePodSandbox', { pod_sandbox_id: id })
        return true
      } catch {
        return false
      }
    })
  }
  return {
    runPod: (spec) => runPod(call, spec, image, remove),
    isReady: () =>
      call('ListPodSandbox', {}).then(
        () => true,
        () => false,
      ),
    async removePods() {
      await Promise.all(idsOf(await call('ListPodSandbox', {})).map(remove))
    },
  }
}

type Call = (method: string, request: object) => Promise<Readonly<Record<string, unknown>>>

async function runPod(
  call: Call,
  spec: PodSpec,
  image: string,
  remove: (id: string) => Promise<void>,
): Promise<Pod> {
  const uid = crypto.randomUUID()
  const identity = {
    'io.kubernetes.pod.name': spec.name,
    'io.kubernetes.pod.namespace': spec.namespace,
    'io.kubernetes.pod.uid': uid,
  }
  const securityContext = {
    namespace_options: { network: 2 },
    privileged: spec.isPrivileged === true,
  }
  const parent = CGROUP_PARENTS[spec.qualityOfService ?? 'besteffort']
  const config = {
    metadata: { name: spec.name, uid, namespace: spec.namespace },
    labels: { ...identity, ...spec.labels },
    annotations: { 'kubernetes.io/config.source': 'api' },
    linux: { cgroup_parent: `${parent}/pod${uid}`, security_context: securityContext },
  }
  const sandboxId = textOf(await call('RunPodSandbox', { config }), 'pod_sandbox_id')
  return {
    sandboxId,
    uid,
    async start(name, command, otherImage = image) {
      const made = await call('CreateContainer', {
        pod_sandbox_id: sandboxId,
        sandbox_config: config,
        config: {
          metadata: { name },
          image: { image: otherImage },
          command,
          labels: { ...identity, 'io.kubernetes.container.name': name },
          annotations: { 'io.kubernetes.container.restartCount': '0' },
          linux: { security_context: securityContext },
        },
      })
      const id = textOf(made, 'container_id')
      await call('StartContainer', { container_id: id })
      return id
    },
    async exec(containerId, command) {
      await call('ExecSync', { container_id: containerId, cmd: command, timeout: 60 })
    },
    async execOnTerminal(containerId, command) {
      const request = { container_id: containerId, cmd: command, tty: true, stdin: true }
      return openTerminal(textOf(await call('Exec', { ...request, stdout: true }), 'url'))
    },
    remove: () => remove(sandboxId),
  }
}

/** The runtime's streaming server: frames begin with the number of their channel. */
async function openTerminal(url: string): Promise<Terminal> {
  const [stdin, stdout] = [0, 1]
  const socket = new WebSocket(url.replace(/^http/, 'ws'), ['v4.channel.k8s.io'])
  socket.binaryType = 'arraybuffer'
  let text = ''
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (!(data instanceof ArrayBuffer)) return
    const bytes = Buffer.from(data)
    if (bytes[0] === stdout) text += bytes.subarray(1).toString()
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => {
      resolve()
    })
    socket.addEventListener('error', () => {
      reject(new Error(`no terminal at ${url}`))
    })
  })
  return {
    shown: () => text,
    isClosed: () => socket.readyState === WebSocket.CLOSED,
    type(keys) {
      socket.send(Buffer.concat([Buffer.of(stdin), Buffer.from(keys)]))
    },
    close() {
      socket.close()
    },
  }
}

function textOf(answer: Readonly<Record<string, unknown>>, name: string): string {
  const value = answer[name]
  if (typeof value !== 'string') throw new Error(`no ${name} in the runtime's answer`)
  return value
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
