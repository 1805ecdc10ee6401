/**
 * A stand-in for CRI-O, which this machine cannot have: it tells of its containers by CRI's own stream
 * of events. Their processes are the test's.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader'
import { temporaryDirectory } from '../../exporter/support/exporter.js'
import { ROOT, type Test } from './daemon.js'

export interface StandInPod {
  readonly id: string
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly ip: string
  readonly labels: Readonly<Record<string, string>>
}

export interface StandInContainer {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly pod: StandInPod
}

export interface CriO {
  readonly socket: string
  /** How often a method was called, for one id where that is given. */
  readonly calls: (method: string, id?: string) => number
  readonly hasFollower: () => boolean
  addPod(pod: StandInPod): void
  addContainer(container: StandInContainer): void
  removeContainer(container: StandInContainer): void
  /** Closes the socket and what hangs on it; containers live on. */
  stop(): void
  start(): Promise<void>
}

/** `ContainerEventType` */
const EVENT = { created: 0, deleted: 3 } as const

export async function startCriO(t: Test): Promise<CriO> {
  const socket = join(temporaryDirectory(t), 'crio.sock')
  const pods = new Map<string, StandInPod>()
  const containers = new Map<string, StandInContainer>()
  const calls: (readonly [string, string])[] = []
  const followers = new Set<ServerWritableStream<unknown, object>>()
  const tell = (id: string, type: number, pod: StandInPod): void => {
    const event = {
      container_id: id,
      container_event_type: type,
      pod_sandbox_status: toStatus(pod),
    }
    for (const follower of followers) follower.write(event)
  }
  const answer =
    (method: string, idName: string, toAnswer: (id: string) => object | undefined) =>
    (call: ServerUnaryCall<unknown, object>, callback: sendUnaryData<object>): void => {
      const id = textOf(call.request, idName)
      calls.push([method, id])
      const found = toAnswer(id)
      if (found === undefined) callback({ code: status.NOT_FOUND, details: `no ${id}` })
      else callback(null, found)
    }
  const runtime: UntypedServiceImplementation = {
    Version: answer('Version', '', () => ({ version: '0.1.0', runtime_name: 'cri-o' })),
    ListPodSandbox: answer('ListPodSandbox', '', () => ({
      items: [...pods.values()].map(toStatus),
    })),
    ListContainers: answer('ListContainers', '', () => ({
      containers: [...containers.values()].map(({ id }) => ({ id })),
    })),
    PodSandboxStatus: answer('PodSandboxStatus', 'pod_sandbox_id', (id) => {
      const pod = pods.get(id)
      return pod && { status: toStatus(pod) }
    }),
    ContainerStatus: answer('ContainerStatus', 'container_id', (id) => {
      const container = containers.get(id)
      return container && toContainerStatus(container)
    }),
    GetContainerEvents(call: ServerWritableStream<unknown, object>) {
      followers.add(call)
      call.on('close', () => followers.delete(call))
      call.on('cancelled', () => followers.delete(call))
    },
  }
  const images: UntypedServiceImplementation = {
    ListImages: answer('ListImages', '', () => ({ images: [] })),
  }
  let server = new Server()
  const stop = (): void => {
    server.forceShutdown()
    followers.clear()
    rmSync(socket, { force: true })
  }
  const start = async (): Promise<void> => {
    const definition = loadSync(join(ROOT, 'test/e2e/support/cri.proto'), { keepCase: true })
    server = new Server()
    server.addService(serviceOf(definition, 'RuntimeService'), runtime)
    server.addService(serviceOf(definition, 'ImageService'), images)
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
  t.teardown(stop)
  await start()
  return {
    socket,
    calls: (method, id) =>
      calls.filter(([name, of]) => name === method && (id === undefined || of === id)).length,
    hasFollower: () => followers.size > 0,
    addPod(pod) {
      pods.set(pod.id, pod)
      tell(pod.id, EVENT.created, pod)
    },
    addContainer(container) {
      containers.set(container.id, container)
      tell(container.id, EVENT.created, container.pod)
    },
    removeContainer(container) {
      containers.delete(container.id)
      tell(container.id, EVENT.deleted, container.pod)
    },
    stop,
    start,
  }
}

function toStatus({ id, name, namespace, uid, ip, labels }: StandInPod): object {
  return { id, metadata: { name, namespace, uid }, network: { ip }, labels }
}

function toContainerStatus({ id, name, image, pod }: StandInContainer): object {
  const labels = {
    'io.kubernetes.container.name': name,
    'io.kubernetes.pod.name': pod.name,
    'io.kubernetes.pod.namespace': pod.namespace,
    'io.kubernetes.pod.uid': pod.uid,
  }
  return {
    status: { id, metadata: { name }, image: { image }, image_ref: image, labels },
    info: { info: JSON.stringify({ sandboxID: pod.id, privileged: false }) },
  }
}

function serviceOf(definition: PackageDefinition, name: string): ServiceDefinition {
  const service = definition[`runtime.v1.${name}`]
  if (service === undefined || 'format' in service) throw new Error(`no service ${name}`)
  return service
}

function textOf(request: unknown, name: string): string {
  if (typeof request !== 'object' || request === null) return ''
  const value = new Map<string, unknown>(Object.entries(request)).get(name)
  return typeof value === 'string' ? value : ''
}
