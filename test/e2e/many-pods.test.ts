/** As many containers as the machine can start, each gone at once, and its first act is the deed. */
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startContainerd } from './support/containerd.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'
import type { Pod } from './support/kubelet.js'
import { startProxy, type Manner } from './support/proxy.js'

const PODS = 10
/** Started at once; more only wait for each other in the runtime. */
const AT_ONCE = 6
const MARK = /pgr-many-(\w+)-(\d+)-(\d+)\./
const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-many',
    output: '%proc.args',
  },
]

void t.test('containers that live for an instant have their names', async (t) => {
  const containerd = await startContainerd(t, ['true'])
  const path = join(temporaryDirectory(t), 'containerd.sock')
  const proxy = await startProxy(t, path, containerd.socket)
  const runtime = `containerd=${proxy.path}`
  const pods = await Promise.all(
    Array.from({ length: PODS }, (_, number) => {
      const spec = { name: `pod-${number}`, namespace: 'default', labels: { app: `${number}` } }
      return containerd.kubelet.runPod(spec)
    }),
  )
  /** Runs `count` containers; what they are called tells where they are. */
  const flood = async (round: string, count: number): Promise<void> => {
    const numbers = Array.from({ length: count }, (_, number) => number).values()
    const work = async (): Promise<void> => {
      for (const number of numbers) {
        const pod = number % PODS
        await podAt(pods, pod).start(`${round}-${number}`, [
          '/bin/true',
          `pgr-many-${round}-${pod}-${number}.`,
        ])
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
  const start = (...args: readonly string[]): Promise<RunningDaemon> =>
    startDaemon(t, { rules: RULES, args: ['--runtime-socket', runtime, ...args] })

  // The wait is longer than any machine needs: that the names are right is tested, not the time.
  const daemon = await start('--identity-wait', '60s')
  const rounds: readonly { round: string; count: number; manner: Manner; what: string }[] = [
    { round: 'well', count: 300, manner: 'pass', what: 'a healthy runtime' },
    { round: 'slow', count: 300, manner: { delayMilliseconds: 1000 }, what: 'a second late' },
  ]
  for (const { round, count, manner, what } of rounds) {
    await t.test(`${count} containers, ${what}`, async (t) => {
      proxy.manner = manner
      await flood(round, count)
      const alerts = await allOf(daemon, round, count)
      t.strictSame(alerts.filter((alert) => !isRight(alert)).map(describe), [])
      proxy.manner = 'pass'
    })
  }

  await t.test('a runtime that hangs: the alerts come, and say what they lack', async (t) => {
    const hung = await start('--identity-wait', '1s')
    proxy.manner = 'hang'
    await flood('hung', 30)
    const alerts = await allOf(hung, 'hung', 30)
    for (const { output_fields: fields } of alerts) {
      t.equal(fields['container.identity'], 'incomplete')
      t.equal(fields['k8s.pod.name'], null)
    }
    proxy.manner = 'pass'
    await hung.stop()
  })

  await t.test('the daemon is restarted meanwhile', async (t) => {
    const directory = temporaryDirectory(t)
    const args = ['--runtime-socket', runtime, '--identity-wait', '60s']
    const first = await startDaemon(t, { rules: RULES, directory, args })
    const before = flood('before', 40)
    await until('some were seen', () => ofRound(first, 'before').length > 5)
    await first.stop()
    await before
    const second = await startDaemon(t, { rules: RULES, directory, args })
    await flood('after', 40)
    const after = await allOf(second, 'after', 40)
    // At its end the first one tells what it knows; that may be little, and never something wrong.
    const isKnown = ({ output_fields: fields }: PrintedAlert): boolean =>
      fields['container.identity'] !== 'incomplete'
    const all = [...ofRound(first, 'before').filter(isKnown), ...after]
    t.strictSame(all.filter((alert) => !isRight(alert)).map(describe), [])
  })
})

function podAt(pods: readonly Pod[], number: number): Pod {
  const pod = pods[number]
  if (pod === undefined) throw new Error(`no pod ${number}`)
  return pod
}

function ofRound(daemon: RunningDaemon, round: string): readonly PrintedAlert[] {
  return daemon.alerts().filter(({ output }) => MARK.exec(output)?.[1] === round)
}

async function allOf(
  daemon: RunningDaemon,
  round: string,
  count: number,
): Promise<readonly PrintedAlert[]> {
  await until(`${count} alerts of ${round}`, () => ofRound(daemon, round).length >= count, 90_000)
  return ofRound(daemon, round)
}

/** The mark says which container and pod it is; the names must say the same. */
function isRight({ output, output_fields: fields }: PrintedAlert): boolean {
  const [, round, pod, number] = MARK.exec(output) ?? []
  return (
    fields['container.name'] === `${round}-${number}` &&
    fields['k8s.pod.name'] === `pod-${pod}` &&
    fields['k8s.ns.name'] === 'default' &&
    !('container.identity' in fields)
  )
}

function describe({ output, output_fields: fields }: PrintedAlert): string {
  const names = ['container.id', 'container.name', 'k8s.pod.name', 'container.identity']
  return `${output}: ${names.map((name) => `${name}=${String(fields[name])}`).join(' ')}`
}
