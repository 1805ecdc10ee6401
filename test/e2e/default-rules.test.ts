import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { temporaryDirectory } from '../exporter/support/exporter.js'
import { deedPath, ROOT, startDaemon, type RunningDaemon, type Test } from './support/daemon.js'
import { startDocker } from './support/docker.js'
import {
  BY_RUNTIME,
  IN_CONTAINER,
  IN_PRIVILEGED_CONTAINER,
  ON_HOST,
  ON_TERMINAL,
  STAND_INS,
  STARTED,
  type RuleCase,
} from './support/rule-cases.js'

/** Short enough for the 15 letters of a process name, and in no path by chance. */
const mark = (kind: 'deed' | 'miss', index: number): string => `pgr-${kind}-${index}-x`

/** A daemon with all built-in rules, each of which counts. */
function startWithDefaults(t: Test, ...args: readonly string[]): Promise<RunningDaemon> {
  return startDaemon(t, {
    rules: [],
    withDefaultRules: true,
    args: ['--rule-matching', 'all', ...args],
  })
}

/** Does each near miss and each deed, then looks for alerts of the latter alone. */
async function judge(
  t: Test & { readonly notOk: (value: unknown, name: string) => boolean },
  daemon: RunningDaemon,
  cases: readonly RuleCase[],
  perform: (script: string, mark: string, isDeed: boolean) => void,
): Promise<void> {
  cases.forEach(({ deed, nearMiss }, index) => {
    perform(nearMiss, mark('miss', index), false)
    perform(deed, mark('deed', index), true)
  })
  for (const [index, { rule }] of cases.entries()) {
    await daemon.alert(rule, (alert) => {
      return alert.rule === rule && alert.output.includes(mark('deed', index))
    })
    // The near miss was done before the deed, so its alert would have come before.
    const wrong = daemon.alerts().find((alert) => {
      return alert.rule === rule && alert.output.includes(mark('miss', index))
    })
    t.notOk(wrong, `${rule}: silent about its near miss`)
  }
}

/** A folder that everybody may enter, with copies of `calls` under the names of other programs. */
function makeStandIns(t: Test): string {
  const directory = temporaryDirectory(t)
  chmodSync(directory, 0o755)
  for (const name of STAND_INS) copyFileSync(deedPath('calls'), join(directory, name))
  copyFileSync(deedPath('calls'), join(directory, 'calls'))
  return directory
}

const ruleNames = (file: string): string[] => {
  const items: unknown = parse(readFileSync(join(ROOT, 'native/rulesets', file), 'utf8'))
  if (!Array.isArray(items)) throw new Error(`${file} is no list`)
  return items.flatMap((item: unknown) => {
    return typeof item === 'object' && item !== null && 'rule' in item ? [String(item.rule)] : []
  })
}

void t.test('every built-in rule has a deed and a near miss', (t) => {
  const tested = [
    ...ON_HOST,
    ...IN_CONTAINER,
    ...ON_TERMINAL,
    ...BY_RUNTIME,
    ...IN_PRIVILEGED_CONTAINER,
    ...STARTED,
  ]
    .map(({ rule }) => rule)
    .sort()
  const stable = ruleNames('peregrine_rules.yaml')
  const incubating = ruleNames('peregrine_incubating_rules.yaml')
  t.same(tested, [...stable, ...incubating].sort())
  t.end()
})

void t.test('the built-in rules see their deeds on the host, and no near miss', async (t) => {
  const directory = makeStandIns(t)
  const daemon = await startWithDefaults(t)
  const env = {
    ...{ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DIR: directory },
    ...{ CALLS: join(directory, 'calls'), UNLINKED: deedPath('unlinked') },
  }
  await judge(t, daemon, ON_HOST, (script, mark) => {
    spawnSync('/bin/sh', ['-c', script], { env: { ...env, MARK: mark }, timeout: 60_000 })
  })
})

void t.test('the built-in rules see their deeds in containers, and no near miss', async (t) => {
  const directory = makeStandIns(t)
  const commands = [
    ...['adduser', 'apk', 'base64', 'cat', 'cp', 'curl', 'debugfs', 'echo', 'id', 'ifconfig'],
    ...['mkdir', 'mount', 'nc', 'rsync', 'sh', 'sleep', 'tar', 'true', 'wget'],
  ]
  const docker = await startDocker(t, commands)
  // Whether a container is privileged, its runtime says.
  const runtime = ['--runtime-socket', `docker=${docker.socket}`, '--identity-wait', '30s']
  const daemon = await startWithDefaults(t, ...runtime)
  const run = (...options: readonly string[]): string => {
    const mounts = ['-v', `${directory}:${directory}:ro`, '--tmpfs', '/mnt']
    return docker.docker(
      ...['run', '-d', '--network=none', ...mounts, ...options],
      ...[docker.image, '/bin/sleep', '3600'],
    )
  }
  const script = (container: string) => (text: string, mark: string) => {
    const settings = [`DIR=${directory}`, `CALLS=${directory}/calls`, `MARK=${mark}`]
    docker.docker(
      ...['exec', ...settings.flatMap((setting) => ['-e', setting]), container],
      ...['/bin/sh', '-c', `${text}; true`],
    )
  }

  const plain = run('--cap-add=NET_ADMIN')
  await judge(t, daemon, IN_CONTAINER, script(plain))
  const words = (text: string, mark: string): string[] => text.replace('$MARK', mark).split(' ')
  await judge(t, daemon, ON_TERMINAL, (text, mark, isDeed) => {
    if (isDeed) docker.dockerOnTerminal('exec', '-it', plain, ...words(text, mark))
    else docker.docker('exec', plain, ...words(text, mark))
  })
  await judge(t, daemon, BY_RUNTIME, (text, mark) => {
    // tar does not find what the mark names, and fails; it has been started by then.
    t.throws(() => docker.docker('exec', plain, ...words(text, mark)))
  })

  const privileged = run('--privileged')
  await judge(t, daemon, IN_PRIVILEGED_CONTAINER, (text, mark, isDeed) => {
    script(isDeed ? privileged : plain)(text, mark)
  })
  await judge(t, daemon, STARTED, (option, mark) => {
    docker.docker('run', '--rm', '--network=none', option, docker.image, '/bin/echo', mark)
  })
})
