import { existsSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, temporaryDirectory, until } from '../exporter/support/exporter.js'
import { runInCgroup } from './support/cgroup.js'
import { startDaemon, type PrintedAlert, type RunningDaemon } from './support/daemon.js'
import { startDocker, type Docker } from './support/docker.js'
import { startProxy } from './support/proxy.js'

/** Fires at the first thing that a container's first process does. */
const RULES = [
  {
    rule: 'Marked',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-names',
    output: '%proc.args %container.privileged %container.label[team]',
  },
  {
    rule: 'Named in condition',
    condition:
      'evt.type in (execve, execveat) and proc.name = "true" and proc.args contains pgr-cond-names and container.name = wanted',
    output: '%proc.args',
  },
]

const SHORT = 12
/** As much of a label as is kept. */
const LABEL_LIMIT = 4096

function marked(daemon: RunningDaemon, mark: string): readonly PrintedAlert[] {
  return daemon.alerts().filter((alert) => alert.output.includes(mark))
}

async function waitFor(daemon: RunningDaemon, mark: string): Promise<PrintedAlert> {
  return daemon.alert(mark, (alert) => alert.output.includes(mark))
}

void t.test('containers of Docker have their names on every alert', async (t) => {
  const docker = await startDocker(t, ['head', 'mkdir', 'sed', 'sh', 'sleep', 'true'])
  const run = (name: string, ...command: readonly string[]): string =>
    docker.docker(
      ...['run', '-d', '--network=none', '--stop-timeout=1', '--name', name, docker.image],
      ...command,
    )
  const proxy = await startProxy(t, join(temporaryDirectory(t), 'docker.sock'), docker.socket)
  const before = run('before', '/bin/sleep', '600')
  const daemon = await startDaemon(t, {
    rules: RULES,
    // Long enough for any machine; who must not wait so long has a daemon of its own below.
    args: ['--runtime-socket', `docker=${proxy.path}`, '--identity-wait', '50s'],
  })

  await t.test('a first process that is gone before anybody could ask', async (t) => {
    const id = run('brief', '/bin/true', 'pgr-names-brief')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-brief')
    t.match(fields, {
      'container.id': id.slice(0, SHORT),
      'container.name': 'brief',
      'container.image.repository': docker.image,
      'container.image.tag': 'latest',
    })
    t.notOk('container.identity' in fields)
  })

  await t.test('a container that ran before the daemon', async (t) => {
    docker.docker('exec', before, '/bin/true', 'pgr-names-exec')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-exec')
    t.equal(fields['container.name'], 'before')
  })

  await t.test('a container that was renamed', async (t) => {
    docker.docker('rename', 'before', 'after')
    const isRenamed = (alert: PrintedAlert): boolean =>
      alert.output_fields['container.name'] === 'after'
    await until('the new name', () => {
      docker.docker('exec', before, '/bin/true', 'pgr-names-renamed')
      return marked(daemon, 'pgr-names-renamed').some(isRenamed)
    })
    t.pass('renamed')
  })

  await t.test('a privileged container, and one with a cgroup namespace of its own', async (t) => {
    const end = [docker.image, '/bin/true'] as const
    const start = ['run', '-d', '--network=none'] as const
    docker.docker(...start, '--privileged', '--name', 'almighty', ...end, 'pgr-names-all')
    docker.docker(...start, '--cgroupns=private', '--name', 'own', ...end, 'pgr-names-own')
    const all = await waitFor(daemon, 'pgr-names-all')
    t.match(all.output_fields, { 'container.name': 'almighty', 'container.privileged': true })
    const own = await waitFor(daemon, 'pgr-names-own')
    t.match(own.output_fields, { 'container.name': 'own', 'container.privileged': false })
  })

  await t.test('a container that a container makes is the outer one', async (t) => {
    const outer = runNested(docker)
    await until('the inner Docker answers', () => isDone(docker, ...outer.inside('version')))
    docker.docker(...outer.inside('import', '/image.tar', 'inner'))
    docker.docker(...outer.inside('run', '--network=none', 'inner', '/bin/true', 'pgr-names-in'))
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-in')
    t.match(fields, { 'container.id': outer.id.slice(0, SHORT), 'container.name': 'outer' })
    t.notOk('container.identity' in fields)
  })

  await t.test(
    'a container that makes the cgroup of another below its own stays itself',
    async (t) => {
      const script = [
        'cd /sys/fs/cgroup/pids 2>/dev/null || cd /sys/fs/cgroup',
        `made=./$(sed -n "s/^.*:pids:\\|^0:://p" /proc/self/cgroup | head -n 1)/docker/${before}`,
        'mkdir -p $made && echo $$ >$made/cgroup.procs && exec /bin/true pgr-names-mask',
      ].join('; ')
      const start = ['run', '-d', '--network=none', '--name', 'masked', '--cgroupns=host'] as const
      const mount = ['-v', '/sys/fs/cgroup:/sys/fs/cgroup'] as const
      docker.docker(...start, ...mount, docker.image, '/bin/sh', '-c', script)
      const { output_fields: fields } = await waitFor(daemon, 'pgr-names-mask')
      t.equal(fields['container.name'], 'masked')
    },
  )

  await t.test('a process of the host is of the host', async (t) => {
    spawnSync('/bin/true', ['pgr-names-host'])
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-host')
    t.equal(fields['container.id'], 'host')
    t.notOk('container.identity' in fields)
  })

  await t.test('a condition on a name that is not known yet waits for it', async (t) => {
    proxy.manner = { delayMilliseconds: 300 }
    run('wanted', '/bin/true', 'pgr-cond-names-yes')
    run('unwanted', '/bin/true', 'pgr-cond-names-no')
    run('later', '/bin/true', 'pgr-names-later')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-cond-names-yes')
    t.equal(fields['container.name'], 'wanted')
    const later = await waitFor(daemon, 'pgr-names-later')
    t.equal(later.output_fields['container.name'], 'later')
    t.strictSame(marked(daemon, 'pgr-cond-names-no'), [])
    proxy.manner = 'pass'
  })

  await t.test('the runtime is restarted', async (t) => {
    await docker.restart()
    run('again', '/bin/true', 'pgr-names-again')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-again')
    t.equal(fields['container.name'], 'again')
  })

  await t.test(
    'a cgroup that looks like a container is neither a container nor the host',
    async (t) => {
      const id = 'f'.repeat(64)
      runInCgroup(t, `docker/${id}`, 'pgr-names-made-up')
      const { output_fields: fields } = await waitFor(daemon, 'pgr-names-made-up')
      t.match(fields, { 'container.id': id.slice(0, SHORT), 'container.identity': 'unverified' })
      t.equal(fields['container.name'], null)
    },
  )

  await t.test('a user cannot put a process into the name of another container', async (t) => {
    const own = `user.slice/user-7.slice/user@7.service/docker-${before}.scope`
    runInCgroup(t, own, 'pgr-names-stolen')
    const { output_fields: fields } = await waitFor(daemon, 'pgr-names-stolen')
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
      run('hung', '/bin/true', 'pgr-names-hung')
      const { output_fields: fields } = await waitFor(daemon, 'pgr-names-hung')
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
    run('first', '/bin/true', 'pgr-names-first')
    spawnSync('/bin/true', ['pgr-names-meanwhile'])
    await waitFor(daemon, 'pgr-names-meanwhile')
    t.strictSame(marked(daemon, 'pgr-names-first'), [])
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
  docker.docker('run', '-d', '--network=none', docker.image, '/bin/true', 'pgr-names-early')
  const early = await waitFor(daemon, 'pgr-names-early')
  t.equal(early.output_fields['container.identity'], 'incomplete')
  await startProxy(t, path, docker.socket)
  await until('the socket is found', () => daemon.log().includes('container names come from'))
  const label = `a"b\\n${'x'.repeat(65_536)}\ny`
  const run = ['run', '-d', '--network=none', '--label', `team=${label}`, '--name', 'found']
  docker.docker(...run, docker.image, '/bin/true', 'pgr-names-found')
  const { output_fields: fields } = await waitFor(daemon, 'pgr-names-found')
  t.equal(fields['container.name'], 'found')
  t.equal(fields['container.label[team]'], label.slice(0, LABEL_LIMIT))
  await until('the name stands in the pod label', async () => {
    return (await exporter.metrics()).includes('k8s_pod_name="found"')
  })
})

/** A Docker in a container, with the programs of this machine. */
function runNested(docker: Docker): {
  readonly id: string
  inside(...args: readonly string[]): readonly string[]
} {
  const programs = ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc'].filter((it) =>
    existsSync(`/${it}`),
  )
  const mounts = programs.flatMap((it) => ['-v', `/${it}:/${it}:ro`])
  const id = docker.docker(
    ...['run', '-d', '--network=none', '--stop-timeout=1', '--name', 'outer'],
    ...['--privileged', '--cgroupns=host'],
    ...[
      ...mounts,
      '-v',
      '/sys/fs/cgroup:/sys/fs/cgroup',
      '--tmpfs',
      '/run',
      '--tmpfs',
      '/data:exec',
    ],
    ...['-v', `${docker.tarball}:/image.tar:ro`, docker.image, '/bin/sleep', '600'],
  )
  const inside = (...args: readonly string[]): readonly string[] => {
    return ['exec', id, 'docker', '-H', 'unix:///run/inner.sock', ...args]
  }
  docker.docker(
    ...['exec', '-d', id, '/usr/sbin/dockerd', '--data-root=/data', '--exec-root=/run/inner'],
    ...['--pidfile=/run/inner.pid', '--host=unix:///run/inner.sock', '--storage-driver=vfs'],
    ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
    `--cgroup-parent=/docker/${id}/docker`,
  )
  return { id, inside }
}

function isDone(docker: Docker, ...args: readonly string[]): boolean {
  try {
    docker.docker(...args)
    return true
  } catch {
    return false
  }
}

/** Version 2, or the controller of version 1 that container runtimes use. */
