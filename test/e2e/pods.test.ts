import t from 'tap'
import { runExporter, until } from '../exporter/support/exporter.js'
import { IMAGE, startContainerd, type Containerd } from './support/containerd.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'

const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-pods',
    output:
      '%proc.args %container.type %container.privileged %container.host_network %container.image.id %container.image.digest %k8s.pod.sandbox_id %k8s.pod.label[note]',
  },
  {
    rule: 'In namespace',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-cond-pods and k8s.ns.name = production',
    output: '%k8s.pod.name %k8s.pod.label[app]',
  },
]

const SHORT = 12
const REPOSITORY = IMAGE.slice(0, IMAGE.indexOf(':'))

/** containerd's own API with CRI for pods; and CRI alone, as CRI-O has it. */
for (const kind of ['containerd', 'cri']) {
  void t.test(`pods have their names on every alert, by ${kind}`, async (t) => {
    const containerd = await startContainerd(t, ['sh', 'sleep', 'true'])
    const digest = pull(containerd)
    const early = await containerd.kubelet.runPod({ name: 'early', namespace: 'default' })
    const earlyId = await early.start('main', ['/bin/sleep', '600'])
    const daemon = await startDaemon(t, {
      rules: RULES,
      args: ['--runtime-socket', `${kind}=${containerd.socket}`, '--identity-wait', '20s'],
    })
    const exporter = await runExporter(t, [
      ...['--falco', daemon.address, '--state-dir', ':temporary:'],
    ])
    const alert = (mark: string): Promise<PrintedAlert> => waitFor(daemon, mark)

    await t.test('a runtime that has nothing to tell is followed all the same', async (t) => {
      await until('it is followed', () => daemon.log().includes('container names come from'))
      t.notMatch(daemon.log(), 'container names are not to be had')
    })

    await t.test('a pod that ran before the daemon', async (t) => {
      await early.exec(earlyId, ['/bin/true', 'pgr-pods-early'])
      const { output_fields: fields } = await alert('pgr-pods-early')
      t.match(fields, {
        'container.id': earlyId.slice(0, SHORT),
        'container.name': 'main',
        'container.image.repository': REPOSITORY,
        'container.image.tag': '1.27',
        'container.image.id': /^[0-9a-f]{64}$/,
        'container.image.digest': digest,
        'container.type': 'containerd',
        'container.privileged': false,
        'container.host_network': true,
        'k8s.pod.sandbox_id': early.sandboxId.slice(0, SHORT),
        'k8s.ns.name': 'default',
        'k8s.pod.name': 'early',
        'k8s.pod.uid': early.uid,
      })
      t.notOk('container.identity' in fields)
    })

    await t.test('an init container that is gone at once, and two beside it', async (t) => {
      const pod = await containerd.kubelet.runPod({
        name: 'nginx-7d9c',
        namespace: 'default',
        labels: { app: 'web' },
      })
      await pod.start('init', ['/bin/true', 'pgr-pods-init'])
      await pod.start('nginx', ['/bin/sh', '-c', '/bin/true pgr-pods-nginx; sleep 600'])
      await pod.start('sidecar', ['/bin/sh', '-c', '/bin/true pgr-pods-side; sleep 600'])
      for (const [mark, name] of [
        ['pgr-pods-init', 'init'],
        ['pgr-pods-nginx', 'nginx'],
        ['pgr-pods-side', 'sidecar'],
      ] as const) {
        const { output_fields: fields } = await alert(mark)
        t.match(fields, { 'container.name': name, 'k8s.pod.name': 'nginx-7d9c' }, mark)
      }
    })

    await t.test('a pod of each class of service, by its cgroup', async (t) => {
      for (const qualityOfService of ['guaranteed', 'burstable', 'besteffort'] as const) {
        const spec = { name: `class-${qualityOfService}`, namespace: 'default', qualityOfService }
        const pod = await containerd.kubelet.runPod(spec)
        await pod.start('main', ['/bin/true', `pgr-pods-${qualityOfService}`])
        const { output_fields: fields } = await alert(`pgr-pods-${qualityOfService}`)
        t.match(fields, { 'k8s.pod.name': spec.name, 'k8s.pod.uid': pod.uid })
      }
    })

    await t.test('a privileged pod with labels of any bytes and length', async (t) => {
      // containerd refuses more than 4096 bytes of name and value; Docker's are tested in full.
      const note = `a"b'\\n{}%evt.type ${'x'.repeat(3000)}\ny`
      const pod = await containerd.kubelet.runPod({
        ...{ name: 'almighty', namespace: 'default', isPrivileged: true },
        labels: { note, app: '"},{"k8s.pod.name":"other' },
      })
      await pod.start('main', ['/bin/true', 'pgr-pods-privileged'])
      const { output_fields: fields } = await alert('pgr-pods-privileged')
      t.match(fields, { 'container.privileged': true, 'k8s.pod.name': 'almighty' })
      t.equal(fields['k8s.pod.label[note]'], note)
    })

    await t.test('a condition on the namespace, at the first deed', async (t) => {
      const spec = { namespace: 'production', labels: { app: 'shop' } }
      const pod = await containerd.kubelet.runPod({ name: 'shop-1', ...spec })
      await pod.start('main', ['/bin/true', 'pgr-cond-pods'])
      const found = await daemon.alert('in namespace', ({ rule }) => rule === 'In namespace')
      t.match(found.output, /^.*shop-1 shop/)
    })

    await t.test('the metric carries namespace and pod', async (t) => {
      await until('the series', async () => {
        const page = await exporter.metrics()
        return page.includes('k8s_ns_name="default",k8s_pod_name="nginx-7d9c"')
      })
      t.pass('counted')
    })

    await t.test('the runtime is restarted', async (t) => {
      await containerd.restart()
      const pod = await containerd.kubelet.runPod({ name: 'again', namespace: 'default' })
      await pod.start('main', ['/bin/true', 'pgr-pods-again'])
      const { output_fields: fields } = await alert('pgr-pods-again')
      t.match(fields, { 'k8s.pod.name': 'again', 'container.host_network': true })
    })
  })
}

/** Gives the image the name that it has when it comes from a registry; gives back its digest. */
function pull(containerd: Containerd): string {
  const ctr = (...args: readonly string[]): string => containerd.ctr('-n', 'k8s.io', ...args)
  const digest = /sha256:\w+/.exec(ctr('images', 'ls', `name==${IMAGE}`))?.[0] ?? ''
  ctr('images', 'tag', IMAGE, `${REPOSITORY}@${digest}`)
  return digest
}

function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}
