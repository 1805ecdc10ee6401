/** Runs the real program and reads what it serves. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../src/main.js', import.meta.url))

export interface RunningExporter {
  readonly address: string
  readonly log: () => string
  metrics(headers?: Readonly<Record<string, string>>): Promise<string>
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** Sends SIGHUP. */
  reload(): void
  /** SIGKILL, at once. */
  kill(): Promise<void>
  /** SIGTERM; gives back the exit code. */
  stop(): Promise<number | null>
}

interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What tap's `t` has that is needed here. */
interface Test {
  readonly teardown: (work: () => unknown) => void
}

export function temporaryDirectory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'peregrine-test-'))
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

/** For a program that cannot say which one it took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

/** Starts the program and resolves when it listens; `--listen` is added where it is not given. */
export async function runExporter(
  t: Test,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningExporter> {
  const all = args.includes('--listen') ? args : ['--listen', '127.0.0.1:0', ...args]
  const child = spawnMain(all, environment)
  t.teardown(() => child.kill('SIGKILL'))
  const ended = toEnd(child)
  let log = ''
  const address = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (part: Buffer) => {
      log += part.toString()
      const found = /"address":"([^"]+)"/.exec(log)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('exit', () => {
      reject(new Error(`the exporter ended: ${log}`))
    })
  })
  const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(address + path, { headers })
  return {
    address,
    log: () => log,
    get,
    metrics: async (headers) => (await get('/metrics', headers)).text(),
    reload() {
      child.kill('SIGHUP')
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Runs the program to its end. */
export async function runToEnd(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = spawnMain(args, environment)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (part: Buffer) => (stdout += part.toString()))
  child.stderr?.on('data', (part: Buffer) => (stderr += part.toString()))
  const code = await toEnd(child)
  return { code, stdout, stderr }
}

function spawnMain(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const env = { PATH: process.env.PATH, ...environment }
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function toEnd(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', resolve)
  })
}

const UNTIL_MILLISECONDS = 40_000

/** Asks until the answer is yes; fails loudly when it never is. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMilliseconds = UNTIL_MILLISECONDS,
): Promise<void> {
  const end = Date.now() + limitMilliseconds
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`never so: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The sum of a metric over all its series whose text holds all of `parts`. */
export function sumOf(page: string, name: string, ...parts: readonly string[]): number {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => parts.every((part) => line.includes(part)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
