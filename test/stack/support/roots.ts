/**
 * Root file systems for images, made of this machine's files, since no registry is reachable.
 *
 * The images to build on have our Dockerfiles' tools under their names: what compiles gives out
 * what was compiled here already, so that the Dockerfiles run as they are, in seconds.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DAEMON } from '../../e2e/support/daemon.js'
import { ROOT, run, tryRun } from './run.js'
import { at, isFields, readJson } from './values.js'

const COMMANDS = ['cat', 'chmod', 'chown', 'cp', 'env', 'grep', 'ls', 'mkdir', 'rm', 'sh', 'true']
const NODE = join(ROOT, 'node_modules/node/bin/node')
/** As in the Dockerfiles. */
const NOBODY = 65_534

/** A static shell, and the libraries that the programs need. */
function makeBase(root: string, programs: readonly string[]): void {
  for (const folder of ['bin', 'etc', 'tmp', 'usr/bin'])
    mkdirSync(join(root, folder), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  cpSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const command of COMMANDS) symlinkSync('busybox', join(root, 'bin', command))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n')
  for (const library of new Set(programs.flatMap(librariesOf))) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    copyFileSync(library, join(root, library))
  }
}

/** None of a static program. */
function librariesOf(program: string): readonly string[] {
  const found = tryRun('ldd', [program]).stdout.match(/\/\S+/g) ?? []
  return found.filter((path) => path.includes('.so') && existsSync(path))
}

/** Parts of Node packages that are compiled. */
function nativeParts(): readonly string[] {
  const args = ['node_modules', '-name', '*.node', '-path', '*linux-x64-gnu*']
  return run('find', args).split('\n').filter(Boolean)
}

/** BASE_IMAGE of both. */
export function makeRuntimeRoot(root: string): void {
  makeBase(root, [NODE, DAEMON, ...nativeParts()])
  // What README and docs/install.md tell the user to read.
  writeFileSync(join(root, 'etc/shadow'), 'root:*:19000:0:99999:7:::\n')
}

/** BUILD_IMAGE of the daemon. */
export function makeRustRoot(root: string): void {
  makeBase(root, [DAEMON])
  mkdirSync(join(root, 'built'))
  run('strip', ['--strip-debug', '-o', join(root, 'built/peregrined'), DAEMON])
  writeProgram(root, 'apt-get', 'exit 0')
  writeProgram(root, 'strip', 'exit 0')
  writeProgram(root, 'cargo', 'mkdir -p target/release && cp /built/peregrined target/release/')
}

/** BUILD_IMAGE of the exporter; tsc is the real one. */
export function makeNodeRoot(root: string): void {
  makeBase(root, [NODE])
  const target = join(root, 'built/node_modules')
  for (const path of packages())
    cpSync(join(ROOT, path), join(root, 'built', path), { recursive: true })
  mkdirSync(join(target, '.bin'))
  symlinkSync('../node/bin/node', join(target, '.bin/node'))
  symlinkSync('../typescript/bin/tsc', join(target, '.bin/tsc'))
  symlinkSync('/app/node_modules/.bin/node', join(root, 'usr/bin/node'))
  symlinkSync('../../bin/env', join(root, 'usr/bin/env'))
  const prune = 'rm -r node_modules/typescript node_modules/@types'
  writeProgram(root, 'npm', `case $1 in ci) cp -a /built/node_modules . ;; prune) ${prune} ;; esac`)
}

/** What `npm ci --omit=dev` installs, and the compiler. */
function packages(): readonly string[] {
  const all = at(readJson('package-lock.json'), 'packages')
  if (!isFields(all)) return []
  const compiler = /node_modules\/(typescript|@types\/node|undici-types)$/
  return Object.entries(all)
    .filter(([path, entry]) => path !== '' && (at(entry, 'dev') !== true || compiler.test(path)))
    .map(([path]) => path)
    .filter((path) => existsSync(join(ROOT, path)) && !/node_modules\/.*node_modules/.test(path))
}

/** The image of a Prometheus or an Alertmanager, with Debian's program in the place of theirs. */
export function makeServerRoot(root: string, name: string, tool: string): void {
  const program = `/usr/bin/${name === 'alertmanager' ? 'prometheus-alertmanager' : name}`
  makeBase(root, [program, `/usr/bin/${tool}`])
  cpSync(program, join(root, 'bin', name))
  cpSync(`/usr/bin/${tool}`, join(root, 'bin', tool))
  for (const folder of [name, `etc/${name}/rules`, `etc/${name}/templates`]) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  chownSync(join(root, name), NOBODY, NOBODY)
  // Debian's looks for its own templates here.
  const templates = `/usr/share/prometheus/${name}`
  if (existsSync(templates)) cpSync(templates, join(root, templates), { recursive: true })
}

function writeProgram(root: string, name: string, script: string): void {
  writeFileSync(join(root, 'usr/bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
