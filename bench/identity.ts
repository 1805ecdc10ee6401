/** What do the names of containers and pods cost, and how soon are they there? */
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory, until } from '../test/exporter/support/exporter.js'
import { askStatus, subscribeStandard } from '../test/e2e/support/client.js'
import { startContainerd } from '../test/e2e/support/containerd.js'
import { startDaemon, type RunningDaemon, type Test } from '../test/e2e/support/daemon.js'
import { startDocker } from '../test/e2e/support/docker.js'
import { figuresOf, printCargoBench, printTable, quantile, withTeardown } from './support.js'

const PODS = 20
const CONTAINERS = 200
const DOCKER_CONTAINERS = 40
const KNOWN = 1000
const IDLE_CONTAINERS = 100
const IDLE_SECONDS = 30
/** What a start leaves behind to be done. */
const SETTLE_SECONDS = 3
const MARK = 'pgr-bench'

const RULES = [
  {
    rule: 'Begun',
    condition: `evt.type in (execve, execveat) and proc.name = "true" and proc.args contains ${MARK}`,
    output: '%container.name %k8s.pod.name',
  },
]

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

interface Begun {
  readonly delays: readonly number[]
  readonly nameless: number
  readonly calls: number
}

/** Starts containers one after the other; their first process's alert is timed from its exec on. */
async function measureStarts(
  bench: Test,
  runtime: string,
  count: number,
  start: (number: number) => unknown,
): Promise<Begun> {
  const args = ['--runtime-socket', runtime]
  const daemon = await startDaemon(bench, { rules: RULES, stdout: 'off', args })
  await until('the runtime is followed', () => daemon.log().includes('container names come from'))
  const delays: number[] = []
  let nameless = 0
  subscribeStandard(bench, daemon.address, ({ rule, time, output_fields: fields }) => {
    if (rule !== 'Begun') return
    const exec = Number(time.seconds) * 1000 + time.nanos / 1e6
    delays.push(performance.timeOrigin + performance.now() - exec)
    if (fields['container.identity'] !== undefined) nameless += 1
  })
  // What was there before is looked at first.
  await wait(SETTLE_SECONDS)
  const before = await callsOf(bench, daemon)
  for (let number = 0; number < count; number += 1) await start(number)
  await until('all came', () => delays.length >= count, 60_000)
  const calls = ((await callsOf(bench, daemon)) - before) / count
  await daemon.stop()
  return { delays, nameless, calls }
}

async function callsOf(bench: Test, daemon: RunningDaemon): Promise<number> {
  const metrics = await askStatus(bench, daemon.address)
  const calls = metrics.filter(({ name }) => name === 'peregrined_identity_calls_total')
  return calls.reduce((sum, { value }) => sum + value, 0)
}

async function measurePods(bench: Test): Promise<readonly (readonly [string, Begun])[]> {
  const rows: [string, Begun][] = []
  const containerd = await startContainerd(bench, ['true', 'sleep'])
  for (const kind of ['containerd', 'cri']) {
    const pods = await Promise.all(
      Array.from({ length: PODS }, (_, number) =>
        containerd.kubelet.runPod({ name: `${kind}-${number}`, namespace: 'default' }),
      ),
    )
    const begun = await measureStarts(bench, `${kind}=${containerd.socket}`, CONTAINERS, (number) =>
      pods[number % PODS]?.start(`c-${number}`, ['/bin/true', MARK]),
    )
    rows.push([`containerd's pods, by ${kind}`, begun])
  }
  return rows
}

async function measureDocker(bench: Test): Promise<Begun> {
  const docker = await startDocker(bench, ['true'])
  // Not the synchronous call that tests use: the subscriber in this process must not stand still.
  const args = ['-H', `unix://${docker.socket}`, 'run', '--rm', '--network=none', docker.image]
  return measureStarts(bench, `docker=${docker.socket}`, DOCKER_CONTAINERS, () =>
    promisify(execFile)('docker', [...args, '/bin/true', MARK]),
  )
}

/** CPU of the daemon while containers sleep, in percent of one. */
async function measureIdle(bench: Test): Promise<number> {
  const containerd = await startContainerd(bench, ['sleep'])
  for (let pod = 0; pod < IDLE_CONTAINERS / 10; pod += 1) {
    const spec = { name: `idle-${pod}`, namespace: 'default' }
    const made = await containerd.kubelet.runPod(spec)
    for (let each = 0; each < 10; each += 1) await made.start(`c-${each}`, ['/bin/sleep', '3600'])
  }
  const args = ['--runtime-socket', `containerd=${containerd.socket}`]
  const options = { rules: [], withDefaultRules: true, stdout: 'off', args } as const
  const daemon = await startDaemon(bench, options)
  await wait(SETTLE_SECONDS)
  const before = figuresOf(daemon.pid).cpuSeconds
  await wait(IDLE_SECONDS)
  return ((figuresOf(daemon.pid).cpuSeconds - before) / IDLE_SECONDS) * 100
}

/** Resident memory of the daemon with so many containers at a stand-in of Docker, in MiB. */
async function measureMemory(bench: Test, containers: number): Promise<number> {
  const socket = join(temporaryDirectory(bench), 'docker.sock')
  const ids = Array.from({ length: containers }, (_, number) => idOf(number))
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const id = /^\/containers\/(\w{64})\/json/.exec(path)?.[1]
    if (path.startsWith('/events')) response.writeHead(200).flushHeaders()
    else if (path.startsWith('/images')) response.end('[]')
    else if (id !== undefined) response.end(inspected(id))
    else response.end(JSON.stringify(ids.map((it) => ({ Id: it }))))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  bench.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const args = ['--runtime-socket', `docker=${socket}`]
  const options = { rules: [], withDefaultRules: true, stdout: 'off', args } as const
  const daemon = await startDaemon(bench, options)
  await until('all are known', async () => {
    const metrics = await askStatus(bench, daemon.address)
    const known = metrics.find(({ name }) => name === 'peregrined_identity_containers')
    return (known?.value ?? -1) >= containers
  })
  await wait(SETTLE_SECONDS)
  const { residentMiB } = figuresOf(daemon.pid)
  await daemon.stop()
  return residentMiB
}

const idOf = (number: number): string => number.toString(16).padStart(8, '0').repeat(8)

/** As a kubelet's container is described: a dozen labels, six mounts. */
function inspected(id: string): string {
  const labels = Array.from({ length: 12 }, (_, number): readonly [string, string] => [
    `example.org/label-${number}`,
    `value-${number}`.repeat(4),
  ])
  const pod = { name: `service-${id.slice(0, 8)}`, namespace: 'production', uid: id.slice(0, 36) }
  for (const [name, value] of Object.entries(pod)) labels.push([`io.kubernetes.pod.${name}`, value])
  const mounts = Array.from({ length: 6 }, (_, number) => ({
    Source: `/var/lib/kubelet/pods/${id}/volumes/volume-${number}`,
    Destination: `/var/run/volume-${number}`,
    Mode: 'rw',
    RW: true,
    Propagation: 'rprivate',
  }))
  return JSON.stringify({
    Id: id,
    Name: `/k8s_service_${id.slice(0, 8)}`,
    Image: 'sha256:aa',
    Config: { Image: 'registry.example.org/team/service:1.27', Labels: Object.fromEntries(labels) },
    HostConfig: { Privileged: false, PidMode: '', NetworkMode: 'bridge', IpcMode: '' },
    Mounts: mounts,
    NetworkSettings: { IPAddress: '10.0.0.7' },
  })
}

process.stdout.write('## What do the names of containers cost, and how soon are they there?\n\n')
process.stdout.write(
  'Containers are started one after the other; the time is from the exec of their first process ' +
    'to its alert, with its names, at a subscriber on the unix socket. The alert is on disk before ' +
    'it is sent.\n\n',
)
const begun: (readonly [string, Begun])[] = []
await withTeardown(async (bench) => void begun.push(...(await measurePods(bench))))
await withTeardown(async (bench) => void begun.push(['Docker', await measureDocker(bench)]))
printTable(
  [
    'Runtime',
    'containers',
    'median, ms',
    'p99, ms',
    'most, ms',
    'without names',
    'calls per container',
  ],
  begun.map(([runtime, { delays, nameless, calls }]) => [
    runtime,
    delays.length,
    ...[0.5, 0.99, 1].map((share) => quantile(delays, share).toFixed(1)),
    nameless,
    calls.toFixed(2),
  ]),
)

let idle = NaN
await withTeardown(async (bench) => void (idle = await measureIdle(bench)))
const memory: number[] = []
for (const containers of [0, KNOWN]) {
  await withTeardown(async (bench) => void memory.push(await measureMemory(bench, containers)))
}
const [without = NaN, withAll = NaN] = memory
printTable(
  ['What', 'Figure'],
  [
    [`${KNOWN} containers more, resident`, `${(withAll - without).toFixed(1)} MiB`],
    [`${IDLE_CONTAINERS} idle containers, CPU`, `${idle.toFixed(2)} % of one`],
  ],
)

// What a judged event costs has no process of its own to be seen in.
process.stdout.write('How far a container is known, asked for each event that is judged:\n\n')
printCargoBench('peregrine-world', 'identity')
