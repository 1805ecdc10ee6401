/** What do the built-in rules say of days on which nothing is wrong? */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test/exporter/support/exporter.js'
import { ownCgroup } from '../test/e2e/support/cgroup.js'
import { ROOT, startDaemon, type PrintedAlert, type Test } from '../test/e2e/support/daemon.js'
import { startDocker } from '../test/e2e/support/docker.js'
import { printTable, withTeardown } from './support.js'

/** What an alert may be late by, container's names included. */
const SETTLE_SECONDS = 5
const IDLE_SECONDS = 60
/** Containers of the story are called so. */
const NAME = 'pgr-noise'
const NO_QUESTIONS = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }

interface Story {
  readonly what: string
  readonly run: () => Promise<void>
}

/** Not spawnSync: what the daemon prints has to be read meanwhile. */
async function must(program: string, args: readonly string[], options: object = {}): Promise<void> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const hear = (part: string): void => {
    said = `${said}${part}`.slice(-2000)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} ${args.join(' ')}: ${said}`))
    })
  })
}

const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000))

/** Runs scripts as root of a Debian with namespaces of its own and no container around it. */
async function makeDebian(bench: Test): Promise<(script: string) => Promise<void>> {
  const root = temporaryDirectory(bench)
  await must('tar', ['-C', root, '-xf', join(ROOT, '.tools/debian.tar')])
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'), { dereference: true })
  // A /dev of its own: a service that runs there makes /dev/log.
  const enter = `
    mount -t tmpfs tmpfs ${root}/dev
    for name in full null random urandom zero; do
      touch ${root}/dev/$name
      mount --bind /dev/$name ${root}/dev/$name
    done
    ln -s /proc/self/fd ${root}/dev/fd
    mount -t proc proc ${root}/proc
    exec chroot ${root} /bin/bash -euc "$0"
  `
  return async (script) => {
    await must(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', '/bin/bash', '-ec', enter, script],
      {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', ...NO_QUESTIONS },
      },
    )
  }
}

const SERVICES = 'cron logrotate man-db openssh-server rsyslog'
/** What runs by itself in a day; cron and the services are there all the while. */
const A_DAY = `
mkdir -p /run/sshd
rsyslogd
cron
/usr/sbin/sshd
sleep ${IDLE_SECONDS}
for often in hourly daily weekly monthly; do run-parts /etc/cron.$often; done
logrotate -f /etc/logrotate.conf
/usr/lib/apt/apt.systemd.daily update
/usr/lib/apt/apt.systemd.daily install
`
/** The work of an upgrade of everything, whether the mirror has anything newer or not. */
const UPGRADE = `
apt-get -qq update
apt-get -qqy upgrade
apt-get -qqy --reinstall install $(dpkg-query -W -f '\${Package} ')
`

async function buildAsInCi(directory: string): Promise<void> {
  const clone = join(directory, 'clone')
  await must('git', ['clone', '--quiet', '--depth=1', `file://${ROOT}`, clone])
  await must('npm', ['ci', '--no-audit', '--no-fund'], { cwd: clone })
  await must('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: clone })
  await must('cargo', ['build', '--locked', '-p', 'peregrine-config'], {
    cwd: join(clone, 'native'),
    env: { ...process.env, CARGO_TARGET_DIR: join(directory, 'target') },
  })
}

/** The life of ordinary containers: started, looked at, stopped. */
async function runContainers(bench: Test): Promise<void> {
  const own = await startDocker(bench, ['cat', 'httpd', 'ls', 'sh', 'sleep', 'true'])
  const { image } = own
  const docker = (...args: readonly string[]): string => own.docker(...args)
  const common = ['--network=none', '--name']
  docker('run', '--rm', ...common, `${NAME}-once`, image, '/bin/ls', '/')
  docker('run', '-d', ...common, `${NAME}-server`, image, '/bin/httpd', '-f', '-h', '/')
  docker('exec', `${NAME}-server`, '/bin/sh', '-c', 'cat /etc/passwd || true')
  docker('logs', `${NAME}-server`)
  docker('cp', `${NAME}-server:/bin/true`, join(temporaryDirectory(bench), 'true'))
  docker('stop', '-t', '1', `${NAME}-server`)
  docker('rm', `${NAME}-server`)
}

/** Alerts by what they are of, the most frequent first. */
function counted(alerts: readonly PrintedAlert[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const { rule, output_fields: fields } of alerts) {
    const parent = String(fields['proc.pname'])
    const what = `${rule}: ${String(fields['proc.name'])} of ${parent}`
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a)
}

await withTeardown(async (bench) => {
  await must(join(ROOT, 'scripts/debian-root.sh'), [])
  const debian = await makeDebian(bench)
  await debian(`
    echo 'APT::Periodic::RandomSleep "0";' >/etc/apt/apt.conf.d/90bench
    apt-get -qq update
    apt-get -qqy --no-install-recommends install ${SERVICES}
  `)
  const work = temporaryDirectory(bench)
  mkdirSync(work, { recursive: true })

  const fields = '{extra_fields: [thread.cgroup.pids, proc.name, proc.pname]}'
  const daemon = await startDaemon(bench, {
    rules: [],
    withDefaultRules: true,
    args: ['--rule-matching', 'all', '-o', `append_output[]=${fields}`],
  })
  const cgroup = ownCgroup(bench)
  const enter = (folder: string): void => {
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid))
  }
  const isOwn = ({ output_fields: fields }: PrintedAlert): boolean =>
    String(fields['thread.cgroup.pids']).endsWith(`/peregrine-test-${process.pid}`) ||
    String(fields['container.name']).startsWith(NAME)

  const stories: readonly Story[] = [
    {
      what: 'control: `cat /etc/shadow` in a Debian',
      run: () => debian('cat /etc/shadow'),
    },
    {
      what: `a Debian with ${SERVICES}: a minute, and all that it does by itself in a month`,
      run: () => debian(A_DAY),
    },
    {
      what: 'the same Debian: apt upgrade, and each package installed anew',
      run: () => debian(UPGRADE),
    },
    {
      what: 'docker: run, exec, logs, cp, stop, rm',
      run: () => withTeardown(runContainers),
    },
    {
      what: 'a build as in CI: git clone, npm ci, tsc, cargo build',
      run: () => buildAsInCi(work),
    },
  ]
  const rows: (string | number)[][] = []
  const details: string[] = []
  for (const story of stories) {
    const { what } = story
    process.stderr.write(`noise: ${what}\n`)
    const before = daemon.alerts().length
    enter(cgroup)
    try {
      await story.run()
    } finally {
      enter(join(cgroup, '..'))
    }
    await wait(SETTLE_SECONDS)
    const alerts = daemon.alerts().slice(before).filter(isOwn)
    const of = (maturity: string): PrintedAlert[] =>
      alerts.filter(({ tags }) => tags.includes(`maturity_${maturity}`))
    const [stable, incubating] = [of('stable'), of('incubating')]
    rows.push([what, stable.length, stable.length + incubating.length])
    for (const [rule, count] of counted(alerts)) details.push(`- ${what}: ${count} × ${rule}`)
  }
  process.stdout.write('## What do the built-in rules say while nothing is wrong?\n\n')
  process.stdout.write('Every rule that matches counts, not only the first.\n\n')
  printTable(['Story', 'alerts of stable rules', 'of stable and incubating ones'], rows)
  if (details.length > 0) process.stdout.write(`${details.join('\n')}\n\n`)
})
