/** Runs the real daemon with rules of the test's own, and reads the alerts that it prints. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory, until } from '../../exporter/support/exporter.js'

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
/** Another build of the daemon may be tested, such as a debug build. */
export const DAEMON = process.env.PEREGRINED ?? join(ROOT, 'native/target/release/peregrined')

/** What tap's `t` has that is needed here. */
export interface Test {
  readonly teardown: (work: () => unknown) => void
}

export interface RuleText {
  readonly rule: string
  readonly condition: string
  readonly output?: string
  readonly priority?: string
  readonly tags?: readonly string[]
}

export interface PrintedAlert {
  readonly rule: string
  readonly priority: string
  readonly output: string
  readonly time: string
  readonly hostname: string
  readonly source: string
  readonly tags: readonly string[]
  readonly output_fields: Readonly<Record<string, unknown>>
}

export interface DaemonOptions {
  /** The only rules, unless the built-in ones are asked for. */
  readonly rules: readonly RuleText[]
  /** Folder for state and socket; a fresh one unless given, as for a restart. */
  readonly directory?: string
  readonly args?: readonly string[]
  readonly withDefaultRules?: boolean
  /** JSON unless told. */
  readonly stdout?: 'off' | 'text'
  readonly environment?: Readonly<Record<string, string>>
  /** Gets each line that is printed, which is then not kept. */
  readonly printed?: (line: string) => void
}

export interface RunningDaemon {
  readonly pid: number
  readonly directory: string
  /** As the exporter's --falco takes it. */
  readonly address: string
  readonly log: () => string
  readonly lines: () => readonly string[]
  readonly alerts: () => readonly PrintedAlert[]
  /** The first alert that is so; waits for it. */
  alert(what: string, isIt: (alert: PrintedAlert) => boolean): Promise<PrintedAlert>
  /** SIGTERM unless told; gives back the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts the daemon and resolves when an alert is possible. */
export async function startDaemon(t: Test, options: DaemonOptions): Promise<RunningDaemon> {
  const directory = options.directory ?? temporaryDirectory(t)
  const { child, log, ended } = spawnDaemon(t, [...toArguments(directory, options)], options)
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    printed += part
    if (options.printed === undefined) return
    const whole = printed.split('\n')
    printed = whole.pop() ?? ''
    for (const line of whole) options.printed(line)
  })
  let isEnded = false
  void ended.then(() => (isEnded = true))
  await until(`ready; it said: ${log()}`, () => {
    if (isEnded) throw new Error(`peregrined ended: ${log()}`)
    return log().includes('ready:')
  })
  const lines = (): string[] => printed.split('\n').slice(0, -1)
  const alerts = (): PrintedAlert[] => lines().map(parseAlert)
  return {
    pid: child.pid ?? 0,
    directory,
    address: `unix://${join(directory, 'daemon.sock')}`,
    log,
    lines,
    alerts,
    async alert(what, isIt) {
      await until(`alert: ${what}; there were ${printed.slice(-2000)}`, () => alerts().some(isIt))
      const found = alerts().find(isIt)
      if (found === undefined) throw new Error(what)
      return found
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs the daemon to its end, for starts that must be refused. */
export async function runDaemonToEnd(
  t: Test,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly stderr: string; readonly stdout: string }> {
  const { child, log, ended } = spawnDaemon(t, args, {})
  let stdout = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (stdout += part))
  const code = await ended
  return { code, stderr: log(), stdout }
}

/** Runs a program of test/e2e/deeds to its end and gives back what it printed. */
export function deed(name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(deedPath(name), args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`deed ${name} ended with ${status ?? 'a signal'}: ${stderr}`)
  return stdout.trim()
}

export function deedPath(name: string): string {
  return join(ROOT, 'dist/deeds', name)
}

/** The rules as a file; a JSON text is a YAML text, so nothing needs escaping twice. */
export function writeRules(directory: string, rules: readonly RuleText[]): string {
  const path = join(directory, 'rules.yaml')
  const items = rules.map((rule) => ({
    desc: 'for a test',
    output: '%evt.type',
    priority: 'WARNING',
    ...rule,
  }))
  writeFileSync(path, items.map((item) => `- ${JSON.stringify(item)}\n`).join(''))
  return path
}

function toArguments(directory: string, options: DaemonOptions): readonly string[] {
  return [
    ...(options.withDefaultRules === true ? [] : ['--no-default-rules']),
    ...['--rules-dir', join(directory, 'none')],
    ...['-r', writeRules(directory, options.rules)],
    ...['--state-dir', join(directory, 'state')],
    ...['--grpc-socket', `unix://${join(directory, 'daemon.sock')}`],
    ...['--stdout', options.stdout ?? 'json'],
    ...(options.args ?? []),
  ]
}

function spawnDaemon(
  t: Test,
  args: readonly string[],
  options: Pick<DaemonOptions, 'environment'>,
): {
  readonly child: ChildProcess
  readonly log: () => string
  readonly ended: Promise<number | null>
} {
  const env = { PATH: process.env.PATH, NODE_NAME: 'node-a', ...options.environment }
  const child = spawn(DAEMON, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
    child.once('error', (error) => {
      text += String(error)
      resolve(null)
    })
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { child, log: () => text, ended }
}

export function parseAlert(line: string): PrintedAlert {
  const value: unknown = JSON.parse(line)
  // Notices of source internal have no tags.
  const tagged: unknown = typeof value === 'object' ? { tags: [], ...value } : value
  if (!isAlert(tagged)) throw new Error(`not an alert: ${line}`)
  return tagged
}

function isAlert(value: unknown): value is PrintedAlert {
  const names = ['rule', 'priority', 'output', 'time', 'hostname', 'source', 'tags']
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => name in value) &&
    'output_fields' in value &&
    typeof value.output_fields === 'object'
  )
}
