/** The whole story on a real pod: a shell in it, a package manager, a rule of one's own. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startContainerd } from './support/containerd.js'
import { ROOT, startDaemon, writeRules, type PrintedAlert } from './support/daemon.js'
import type { Terminal } from './support/kubelet.js'

const NAME = 'nginx-7d9c5b6f4-x2k8p'
const IMAGE = 'docker.io/library/nginx:1.27'
const DEBIAN = join(ROOT, '.tools/debian.tar')
/** A mirror may be slow, and the machine busy. */
const INSTALL_MILLISECONDS = 140_000

const CURL_RULE = {
  rule: 'DetectCurlCommandExecution',
  desc: 'Somebody runs curl.',
  condition: 'spawned_process and proc.name == curl',
  output: 'curl was run (command=%proc.cmdline pod=%k8s.pod.name)',
  priority: 'WARNING',
}

void t.test('a shell in an nginx pod, apt in it, and a rule of one’s own', async (t) => {
  if (!existsSync(DEBIAN)) throw new Error('no Debian: run scripts/debian-root.sh')
  const containerd = await startContainerd(t, [])
  containerd.load(IMAGE, DEBIAN)
  const rules = join(temporaryDirectory(t), 'rules.d')
  mkdirSync(rules)
  const daemon = await startDaemon(t, {
    withDefaultRules: true,
    rules: [],
    args: ['--runtime-socket', `containerd=${containerd.socket}`, '-r', rules],
  })
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:'],
  ])
  const isCounted = (rule: string): Promise<void> =>
    until(`${rule} is counted`, async () => {
      const labels = ['k8s_ns_name="default"', `k8s_pod_name="${NAME}"`, `rule="${rule}"`]
      return sumOf(await exporter.metrics(), 'falco_events', ...labels) >= 1
    })
  const pod = await containerd.kubelet.runPod({
    name: NAME,
    namespace: 'default',
    labels: { app: 'nginx' },
  })
  const nginx = await pod.start('nginx', ['/bin/sleep', '86400'], IMAGE)
  const shell = await pod.execOnTerminal(nginx, ['/bin/bash', '--norc'])

  await t.test('the shell', async (t) => {
    await run(shell, 'tty')
    const alert = await daemon.alert('shell', is('Terminal shell in container'))
    t.match(alert.output_fields, {
      'container.name': 'nginx',
      'container.image.repository': 'docker.io/library/nginx',
      'k8s.ns.name': 'default',
      'k8s.pod.name': NAME,
    })
    await isCounted('Terminal shell in container')
  })

  await t.test('a package is installed from the mirror', async (t) => {
    const install = 'apt-get update && apt-get install -y --no-install-recommends curl'
    t.equal(await run(shell, install, INSTALL_MILLISECONDS), 0, 'it is installed')
    const rule = 'Launch Package Management Process in Container'
    const alert = await daemon.alert('package', is(rule))
    t.equal(alert.output_fields['k8s.pod.name'], NAME)
    await isCounted(rule)
  })

  await t.test('a rule that is put into the watched folder sees the next curl', async (t) => {
    writeRules(rules, [CURL_RULE])
    await until(`the rule is loaded; the daemon said: ${daemon.log()}`, () =>
      daemon.log().includes('rules reloaded'),
    )
    t.equal(await run(shell, 'curl --version'), 0, 'curl runs')
    const alert = await daemon.alert('curl', is(CURL_RULE.rule))
    t.match(alert.output, new RegExp(`command=curl --version pod=${NAME}`))
    await isCounted(CURL_RULE.rule)
  })

  await t.test('no alert of the pod is without its name', (t) => {
    const id = nginx.slice(0, 12)
    const own = daemon.alerts().filter((it) => it.output_fields['container.id'] === id)
    t.ok(own.length >= 3)
    t.strictSame(
      own.filter((it) => it.output_fields['k8s.pod.name'] !== NAME),
      [],
    )
    t.end()
  })
  shell.close()
})

const is =
  (rule: string) =>
  (alert: PrintedAlert): boolean =>
    alert.rule === rule

/** Types a command and gives back the code with which it ended. */
async function run(shell: Terminal, command: string, limit?: number): Promise<number> {
  const begin = shell.shown().length
  // What is typed is shown as well, so the mark is put together by the shell.
  shell.type(`${command}; echo "ended-"with=$?.\n`)
  const ended = /ended-with=(\d+)\./
  const answer = (): string => shell.shown().slice(begin)
  await until(`${command} ends`, () => ended.test(answer()) || shell.isClosed(), limit)
  const code = Number(ended.exec(answer())?.[1] ?? NaN)
  // What apt says tells whether the mirror or the machine is at fault.
  if (code !== 0) process.stderr.write(answer())
  return code
}
