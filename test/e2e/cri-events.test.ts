import t from 'tap'
import { until } from '../exporter/support/exporter.js'
import { runInCgroup } from './support/cgroup.js'
import { askStatus } from './support/client.js'
import { startCriO, type StandInContainer, type StandInPod } from './support/cri-events.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'

const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-crio',
    output: '%proc.args %container.type %k8s.pod.label[app] %k8s.pod.ip',
  },
]
const POD: StandInPod = {
  id: 'd0'.repeat(32),
  name: 'shop-5c4f',
  namespace: 'production',
  uid: '0b7f5a52-64cc-4f3e-9d2e-6d1a50b1c0aa',
  ip: '10.1.2.3',
  labels: { app: 'shop' },
}
const ALL_KNOWN = {
  'container.image.repository': 'registry.example/shop',
  'container.image.tag': '3',
  'container.type': 'cri-o',
  'k8s.ns.name': 'production',
  'k8s.pod.ip': '10.1.2.3',
  'k8s.pod.label[app]': 'shop',
  'k8s.pod.name': 'shop-5c4f',
  'k8s.pod.uid': POD.uid,
}

void t.test('a runtime with events of CRI’s own, as CRI-O', async (t) => {
  const runtime = await startCriO(t)
  runtime.addPod(POD)
  const args = ['--runtime-socket', `cri=${runtime.socket}`, '--identity-wait', '20s']
  const daemon = await startDaemon(t, { rules: RULES, args })
  await until('it is followed', () => runtime.hasFollower())
  /** As its first process would, in the cgroup that CRI-O gives it. */
  const run = ({ id }: StandInContainer, mark: string): Promise<PrintedAlert> => {
    const own = `peregrine-crio-${process.pid}`
    runInCgroup(t, `${own}/kubepods/besteffort/pod${POD.uid}/crio-${id}`, mark)
    return waitFor(daemon, mark)
  }

  /** The daemon has heard the answers, so that no event has to ask again. */
  const areKnown = (containers: number): Promise<void> =>
    until(`${containers} are known`, async () => {
      const metrics = await askStatus(t, daemon.address)
      const known = metrics.find(({ name }) => name === 'peregrined_identity_containers')
      return known?.value === containers
    })
  await areKnown(1)

  await t.test('a container is told of when it is made, and asked for once', async (t) => {
    const cart = containerOf('a1', 'cart')
    runtime.addContainer(cart)
    await areKnown(2)
    const { output_fields: fields } = await run(cart, 'pgr-crio-cart')
    t.match(fields, { ...ALL_KNOWN, 'container.name': 'cart' })
    t.notOk('container.identity' in fields)
    t.equal(runtime.calls('ContainerStatus', cart.id), 1)
    t.equal(runtime.calls('PodSandboxStatus', POD.id), 1)
  })

  await t.test('one that is removed keeps its name for its last events', async (t) => {
    const brief = containerOf('b2', 'brief')
    runtime.addContainer(brief)
    await areKnown(3)
    runtime.removeContainer(brief)
    const { output_fields: fields } = await run(brief, 'pgr-crio-brief')
    t.match(fields, { ...ALL_KNOWN, 'container.name': 'brief' })
  })

  await t.test('one that was made while the runtime was away is known', async (t) => {
    runtime.stop()
    const missed = containerOf('c3', 'missed')
    runtime.addContainer(missed)
    await runtime.start()
    const { output_fields: fields } = await run(missed, 'pgr-crio-missed')
    t.match(fields, { ...ALL_KNOWN, 'container.name': 'missed' })
    await until('all is listed again', () => runtime.calls('ListContainers') > 1)
  })

  await t.test('lists are read at the start and when it is back, and not again and again', (t) => {
    t.equal(runtime.calls('ListContainers'), 2)
    t.end()
  })
})

function containerOf(letters: string, name: string): StandInContainer {
  return { id: letters.repeat(32), name, image: 'registry.example/shop:3', pod: POD }
}

function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}
