import { mkdirSync, rmdirSync } from 'node:fs'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'
import { startDocker } from './support/docker.js'
import { startProxy } from './support/proxy.js'

/** Fires at the first thing that a container's first process does. */
const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-mark',
    output: '%proc.args',
  },
  {
    rule: 'Named in condition',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-cond and container.name = wanted',
    output: '%proc.args',
  },
]

const SHORT = 12

function marked(daemon: RunningDaemon, mark: string): readonly PrintedAlert[] {
  return daemon.alerts().filter((alert) => alert.output.includes(mark))
}

async function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}

void t.test('containers of Docker have their names on every alert', async (t) => {
  const docker = await startDocker(t, ['sh', 'sleep', 'true'])
  const run = (name: string, ...command: readonly string[]): string =>
    docker.docker('run', '-d', '--network=none', '--name', name, docker.image, ...command)
  const proxy = await startProxy(t, join(temporaryDirectory(t), 'docker.sock'), docker.socket)
  const before = run('before', '/bin/sleep', '600')
  const daemon = await startDaemon(t, {
    rules: RULES,
    // Long enough for any machine; who must not wait so long has a daemon of its own below.
    args: ['--runtime-socket', `docker=${proxy.path}`, '--identity-wait', '50s'],
  })

  await t.test('a first process that is gone before anybody could ask', async (t) => {
    const id = run('brief', '/bin/true', 'pgr-mark-brief')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-brief')
    t.match(fields, {
      'container.id': id.slice(0, SHORT),
      'container.name': 'brief',
      'container.image.repository': docker.image,
      'container.image.tag': 'latest',
    })
    t.notOk('container.identity' in fields)
  })

  await t.test('a container that ran before the daemon', async (t) => {
    docker.docker('exec', before, '/bin/true', 'pgr-mark-exec')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-exec')
    t.equal(fields['container.name'], 'before')
  })

  await t.test('a container that was renamed', async (t) => {
    docker.docker('rename', 'before', 'after')
    const isRenamed = (alert: PrintedAlert): boolean =>
      alert.output_fields['container.name'] === 'after'
    await until('the new name', () => {
      docker.docker('exec', before, '/bin/true', 'pgr-mark-renamed')
      return marked(daemon, 'pgr-mark-renamed').some(isRenamed)
    })
    t.pass('renamed')
  })

  await t.test('a process of the host is of the host', async (t) => {
    spawnSync('/bin/true', ['pgr-mark-host'])
    const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-host')
    t.equal(fields['container.id'], 'host')
    t.notOk('container.identity' in fields)
  })

  await t.test('a condition on a name that is not known yet waits for it', async (t) => {
    proxy.manner = { delayMilliseconds: 300 }
    run('wanted', '/bin/true', 'pgr-cond-yes')
    run('unwanted', '/bin/true', 'pgr-cond-no')
    run('later', '/bin/true', 'pgr-mark-later')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-cond-yes')
    t.equal(fields['container.name'], 'wanted')
    const later = await waitFor(daemon, 'pgr-mark-later')
    t.equal(later.output_fields['container.name'], 'later')
    t.strictSame(marked(daemon, 'pgr-cond-no'), [])
    proxy.manner = 'pass'
  })

  await t.test('many brief containers at once each have their own name', async (t) => {
    const COUNT = 24
    const numbers = Array.from({ length: COUNT }, (_, number) => number)
    const started = numbers.map(
      (number) =>
        new Promise<void>((resolve) => {
          const args = ['-H', `unix://${docker.socket}`, 'run', '-d', '--network=none']
          const rest = [
            '--name',
            `many-${number}`,
            docker.image,
            '/bin/true',
            `pgr-mark-m${number}-`,
          ]
          const child = spawn('docker', [...args, ...rest], { stdio: 'ignore' })
          child.once('close', () => {
            resolve()
          })
        }),
    )
    await Promise.all(started)
    for (const number of numbers) {
      const { output_fields: fields } = await waitFor(daemon, `pgr-mark-m${number}-`)
      t.equal(fields['container.name'], `many-${number}`)
    }
  })

  await t.test(
    'a cgroup that looks like a container is neither a container nor the host',
    async (t) => {
      const id = 'f'.repeat(64)
      runInCgroup(t, `docker/${id}`, 'pgr-mark-made-up')
      const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-made-up')
      t.match(fields, { 'container.id': id.slice(0, SHORT), 'container.identity': 'unverified' })
      t.equal(fields['container.name'], null)
    },
  )

  await t.test('a user cannot put a process into the name of another container', async (t) => {
    const own = `user.slice/user-7.slice/user@7.service/docker-${before}.scope`
    runInCgroup(t, own, 'pgr-mark-stolen')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-stolen')
    t.equal(fields['container.name'], null)
    t.equal(fields['container.identity'], 'unverified')
  })

  await t.test(
    'a hung runtime delays no alert beyond the wait, and the alert says so',
    async (t) => {
      const hung = await startProxy(t, join(temporaryDirectory(t), 'docker.sock'), docker.socket)
      hung.manner = 'hang'
      const daemon = await startDaemon(t, {
        rules: RULES,
        args: ['--runtime-socket', `docker=${hung.path}`, '--identity-wait', '1s'],
      })
      run('hung', '/bin/true', 'pgr-mark-hung')
      const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-hung')
      t.equal(fields['container.identity'], 'incomplete')
      t.equal(fields['container.name'], null)
    },
  )

  await t.test('the host does not wait for a container', async (t) => {
    const hung = await startProxy(t, join(temporaryDirectory(t), 'docker.sock'), docker.socket)
    hung.manner = 'hang'
    const daemon = await startDaemon(t, {
      rules: RULES,
      args: ['--runtime-socket', `docker=${hung.path}`, '--identity-wait', '60s'],
    })
    run('first', '/bin/true', 'pgr-mark-first')
    spawnSync('/bin/true', ['pgr-mark-meanwhile'])
    await waitFor(daemon, 'pgr-mark-meanwhile')
    t.strictSame(marked(daemon, 'pgr-mark-first'), [])
  })
})

void t.test('a runtime that starts after the daemon is found', async (t) => {
  const path = join(temporaryDirectory(t), 'docker.sock')
  const daemon = await startDaemon(t, {
    rules: RULES,
    args: ['--runtime-socket', `docker=${path}`],
  })
  const exporter = await runExporter(t, [
    ...['--falco', daemon.address, '--state-dir', ':temporary:'],
    ...['--pod-name-from', 'container'],
  ])
  const docker = await startDocker(t, ['sh', 'true'])
  docker.docker('run', '-d', '--network=none', docker.image, '/bin/true', 'pgr-mark-early')
  const early = await waitFor(daemon, 'pgr-mark-early')
  t.equal(early.output_fields['container.identity'], 'incomplete')
  await startProxy(t, path, docker.socket)
  await until('the socket is found', () => daemon.log().includes('container names come from'))
  const label = `a"b\\n${'x'.repeat(65_536)}\ny`
  const run = ['run', '-d', '--network=none', '--label', `team=${label}`, '--name', 'found']
  docker.docker(...run, docker.image, '/bin/true', 'pgr-mark-found')
  const { output_fields: fields } = await waitFor(daemon, 'pgr-mark-found')
  t.equal(fields['container.name'], 'found')
  await until('the name stands in the pod label', async () => {
    return (await exporter.metrics()).includes('k8s_pod_name="found"')
  })
})

/** Runs a marked program in a cgroup of the test's own making, in the hierarchy that counts. */
function runInCgroup(
  t: { teardown: (work: () => void) => void },
  name: string,
  mark: string,
): void {
  const root = cgroupRoot()
  const made: string[] = []
  let path = root
  for (const part of name.split('/')) {
    path = join(path, part)
    try {
      mkdirSync(path)
      made.unshift(path)
    } catch {
      // It is there already.
    }
  }
  const script = `echo $$ > ${join(path, 'cgroup.procs')} && exec /bin/true ${mark}`
  spawnSync('/bin/sh', ['-c', script])
  t.teardown(() => {
    for (const folder of made) rmdirSync(folder)
  })
}

/** Version 2, or the controller of version 1 that container runtimes use. */
function cgroupRoot(): string {
  const isOld = spawnSync('mountpoint', ['-q', '/sys/fs/cgroup/pids']).status === 0
  return isOld ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup'
}
