/** A Docker of the test's own: its daemon, its socket, its images; no network and no registry. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'
import type { Test } from './daemon.js'

export interface Docker {
  /** The image's name; it holds a static busybox under the names that were asked for. */
  readonly image: string
  /** The socket of its API. */
  readonly socket: string
  /** Runs `docker ARGS` and gives back what it printed. */
  docker(...args: readonly string[]): string
  /** The same on a terminal. */
  dockerOnTerminal(...args: readonly string[]): string
}

const IMAGE = 'peregrine-test'

export async function startDocker(t: Test, commands: readonly string[]): Promise<Docker> {
  const directory = temporaryDirectory(t)
  const socket = join(directory, 'docker.sock')
  const host = `unix://${socket}`
  const args = [
    ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')],
    ...['--pidfile', join(directory, 'pid'), '--host', host],
    ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
  ]
  const daemon = spawn('dockerd', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  daemon.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  const ended = new Promise<void>((resolve) => {
    daemon.once('close', () => {
      resolve()
    })
    daemon.once('error', (error) => {
      log += String(error)
      resolve()
    })
  })
  let isEnded = false
  void ended.then(() => (isEnded = true))
  const run = (program: string, ...rest: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(program, rest, {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, DOCKER_HOST: host, TERM: 'xterm' },
    })
    if (status !== 0) throw new Error(`${program} ${rest.join(' ')}: ${stderr}${stdout}`)
    return stdout.trim()
  }
  t.teardown(async () => {
    if (!isEnded) {
      const running = run('docker', 'ps', '-aq').split('\n').filter(Boolean)
      if (running.length > 0) run('docker', 'rm', '-f', ...running)
    }
    daemon.kill('SIGTERM')
    await ended
  })
  await until('Docker answers', () => {
    if (isEnded) throw new Error(`dockerd ended: ${log.slice(-2000)}`)
    return log.includes('API listen on')
  })
  run('docker', 'import', makeTarball(directory, commands), IMAGE)
  return {
    image: IMAGE,
    socket,
    docker: (...rest) => run('docker', ...rest),
    // script(1) gives docker the terminal that this process has not.
    dockerOnTerminal: (...rest) =>
      run('script', '-qec', ['docker', ...rest].join(' '), '/dev/null'),
  }
}

function makeTarball(directory: string, commands: readonly string[]): string {
  const root = join(directory, 'root')
  const tarball = join(directory, 'image.tar')
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'etc'))
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const command of commands) symlinkSync('busybox', join(root, 'bin', command))
  const packed = spawnSync('tar', ['-C', root, '-cf', tarball, '.'], { encoding: 'utf8' })
  if (packed.status !== 0) throw new Error(`tar: ${packed.stderr}`)
  return tarball
}
