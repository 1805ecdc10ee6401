/** Programs that the tests run, and where things are. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
export const HELM = join(ROOT, '.tools/helm')
export const COMPOSE = join(ROOT, '.tools/compose')

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program in the repository's root to its end, whatever that is. */
export function tryRun(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 240_000,
  })
  return {
    code: status,
    stdout,
    stderr: error === undefined ? stderr : `${stderr}${error.message}`,
  }
}

/** The same, for programs that must succeed; gives back what it printed. */
export function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): string {
  const { code, stdout, stderr } = tryRun(program, args, environment)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout
}

/** The same, while the caller goes on. */
export async function runAsync(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${log}`)
}
