import { join } from 'node:path'
import t from 'tap'
import { runExporter, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'
import { IMAGE, startPodman } from './support/podman.js'
import { startProxy } from './support/proxy.js'

const SHORT = 12
const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-podman',
    output:
      '%proc.args %container.type %container.label[team] %container.image %container.privileged',
  },
  {
    rule: 'Named in condition',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-cond-podman and container.name = wanted',
    output: '%proc.args',
  },
]

void t.test('containers of Podman have their names on every alert', async (t) => {
  const podman = await startPodman(t, ['sh', 'sleep', 'true'])
  const proxy = await startProxy(t, join(temporaryDirectory(t), 'podman.sock'), podman.socket)
  const before = podman.podman('run', '-d', '--name', 'before', IMAGE, '/bin/sleep', '600')
  const daemon = await startDaemon(t, {
    rules: RULES,
    args: ['--runtime-socket', `podman=${proxy.path}`, '--identity-wait', '50s'],
  })
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:'],
    ...['--pod-name-from', 'container'],
  ])
  const isKnown = (mark: string): Promise<PrintedAlert> => waitFor(daemon, mark)

  await t.test('one that ran before the daemon', async (t) => {
    podman.podman('exec', 'before', '/bin/true', 'pgr-podman-exec')
    const { output_fields: fields } = await isKnown('pgr-podman-exec')
    t.match(fields, {
      'container.id': before.slice(0, SHORT),
      'container.name': 'before',
      'container.type': 'podman',
      'container.image.repository': 'localhost/peregrine-test',
      'container.image.tag': '2',
      'container.privileged': false,
    })
    t.notOk('container.identity' in fields)
  })

  await t.test('one that is removed before anybody could ask', async (t) => {
    const brief = ['--rm', '--name', 'brief', '--label', 'team=a']
    podman.podman('run', ...brief, IMAGE, '/bin/true', 'pgr-podman-brief')
    const { output_fields: fields } = await isKnown('pgr-podman-brief')
    t.match(fields, {
      'container.name': 'brief',
      'container.image': IMAGE,
      'container.label[team]': 'a',
    })
  })

  await t.test('one in a pod of Podman, and a privileged one', async (t) => {
    podman.podman('pod', 'create', '--infra=false', '--name', 'shop')
    podman.podman('run', '-d', '--pod=shop', '--name=cart', IMAGE, '/bin/true', 'pgr-podman-cart')
    podman.podman('run', '-d', '--privileged', '--name=all', IMAGE, '/bin/true', 'pgr-podman-all')
    const cart = await isKnown('pgr-podman-cart')
    t.equal(cart.output_fields['container.name'], 'cart')
    const all = await isKnown('pgr-podman-all')
    t.match(all.output_fields, { 'container.name': 'all', 'container.privileged': true })
  })

  await t.test('one that was renamed', async (t) => {
    podman.podman('rename', 'before', 'after')
    await until('the new name', () => {
      podman.podman('exec', 'after', '/bin/true', 'pgr-podman-renamed')
      return marked(daemon, 'pgr-podman-renamed').some((alert) => {
        return alert.output_fields['container.name'] === 'after'
      })
    })
    t.pass('renamed')
  })

  await t.test('a condition on a name that comes late', async (t) => {
    proxy.manner = { delayMilliseconds: 300 }
    podman.podman('run', '--rm', '--name=wanted', IMAGE, '/bin/true', 'pgr-cond-podman-yes')
    podman.podman('run', '--rm', '--name=unwanted', IMAGE, '/bin/true', 'pgr-cond-podman-no')
    podman.podman('run', '--rm', '--name=later', IMAGE, '/bin/true', 'pgr-podman-later')
    const yes = await isKnown('pgr-cond-podman-yes')
    t.equal(yes.output_fields['container.name'], 'wanted')
    await isKnown('pgr-podman-later')
    t.strictSame(marked(daemon, 'pgr-cond-podman-no'), [])
    proxy.manner = 'pass'
  })

  await t.test('the service is restarted', async (t) => {
    await podman.restart()
    podman.podman('run', '-d', '--name=again', IMAGE, '/bin/true', 'pgr-podman-again')
    const { output_fields: fields } = await isKnown('pgr-podman-again')
    t.equal(fields['container.name'], 'again')
  })

  await t.test('the name stands in the pod label, where one asks for that', async (t) => {
    await until('counted', async () => {
      return (await exporter.metrics()).includes('k8s_pod_name="again"')
    })
    t.pass('counted')
  })
})

function marked(daemon: RunningDaemon, mark: string): readonly PrintedAlert[] {
  return daemon.alerts().filter((alert) => alert.output.includes(mark))
}

function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}
