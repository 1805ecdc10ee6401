import t from 'tap'
import { runExporter, until } from '../exporter/support/exporter.js'
import { IMAGE, startContainerd } from './support/containerd.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'

const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-mark',
    output: '%proc.args',
  },
  {
    rule: 'In namespace',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-cond and k8s.ns.name = production',
    output: '%k8s.pod.name %k8s.pod.label[app]',
  },
]

const SHORT = 12
const REPOSITORY = IMAGE.split(':')[0]

/** containerd's own API with CRI for pods; and CRI alone, as CRI-O has it. */
for (const kind of ['containerd', 'cri']) {
  void t.test(`pods have their names on every alert, by ${kind}`, async (t) => {
    const containerd = await startContainerd(t, ['sh', 'sleep', 'true'])
    const early = await containerd.runPod({ name: 'early', namespace: 'default' })
    const earlyId = await early.start('main', ['/bin/sleep', '600'])
    const daemon = await startDaemon(t, {
      rules: RULES,
      args: ['--runtime-socket', `${kind}=${containerd.socket}`, '--identity-wait', '20s'],
    })
    const exporter = await runExporter(t, [
      ...['--falco', daemon.address, '--state-dir', ':temporary:'],
    ])
    const alert = (mark: string): Promise<PrintedAlert> => waitFor(daemon, mark)

    await t.test('a pod that ran before the daemon', async (t) => {
      await early.exec(earlyId, ['/bin/true', 'pgr-mark-early'])
      const { output_fields: fields } = await alert('pgr-mark-early')
      t.match(fields, {
        'container.id': earlyId.slice(0, SHORT),
        'container.name': 'main',
        'container.image.repository': REPOSITORY,
        'container.image.tag': '1.27',
        'k8s.ns.name': 'default',
        'k8s.pod.name': 'early',
        'k8s.pod.uid': early.uid,
      })
      t.notOk('container.identity' in fields)
    })

    await t.test('an init container that is gone at once, and two beside it', async (t) => {
      const pod = await containerd.runPod({
        name: 'nginx-7d9c',
        namespace: 'default',
        labels: { app: 'web' },
      })
      await pod.start('init', ['/bin/true', 'pgr-mark-init'])
      await pod.start('nginx', ['/bin/sh', '-c', '/bin/true pgr-mark-nginx; sleep 600'])
      await pod.start('sidecar', ['/bin/sh', '-c', '/bin/true pgr-mark-side; sleep 600'])
      for (const [mark, name] of [
        ['pgr-mark-init', 'init'],
        ['pgr-mark-nginx', 'nginx'],
        ['pgr-mark-side', 'sidecar'],
      ] as const) {
        const { output_fields: fields } = await alert(mark)
        t.match(fields, { 'container.name': name, 'k8s.pod.name': 'nginx-7d9c' }, mark)
      }
    })

    await t.test('a condition on the namespace, at the first deed', async (t) => {
      const spec = { namespace: 'production', labels: { app: 'shop' } }
      const pod = await containerd.runPod({ name: 'shop-1', ...spec })
      await pod.start('main', ['/bin/true', 'pgr-cond'])
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
      const pod = await containerd.runPod({ name: 'again', namespace: 'default' })
      await pod.start('main', ['/bin/true', 'pgr-mark-again'])
      const { output_fields: fields } = await alert('pgr-mark-again')
      t.equal(fields['k8s.pod.name'], 'again')
    })
  })
}

function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}
