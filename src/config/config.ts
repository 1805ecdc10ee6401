/** From command line, environment and file to one configuration, or to what is wrong. */
import { hostname } from 'node:os'
import { CONFIG_VARIABLE, parseFlags, readEnvironment, readFile, type Given } from './given.js'
import { renderConfig, renderHelp } from './help.js'
import { resolve, type Config } from './resolve.js'

export type Command =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'refused'; readonly errors: readonly string[] }

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Text of a file; throws as `readFileSync` does. */
  readonly readText: (path: string) => string
}

export function parseCommand(
  argv: readonly string[],
  { environment, readText }: Surroundings,
): Command {
  const flags = parseFlags(argv)
  if (flags.action === 'help') return { kind: 'print', text: renderHelp() }
  if (flags.action === 'version') return { kind: 'version' }
  const given: Given = { values: new Map(), errors: [] }
  const path = flags.configPath ?? environment[CONFIG_VARIABLE]
  if (path !== undefined && path !== '') readNamed(path, readText, given)
  readEnvironment(environment, given)
  flags.apply(given)
  const config = resolve(given, toNodeName(environment))
  if (config === undefined) return { kind: 'refused', errors: given.errors }
  if (flags.action === 'print-config') return { kind: 'print', text: renderConfig(given) }
  return { kind: 'run', config }
}

function readNamed(path: string, readText: (path: string) => string, given: Given): void {
  try {
    readFile(readText(path), path, given)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    given.errors.push(`cannot read --config ${path}: ${reason}`)
  }
}

function toNodeName(environment: Readonly<Record<string, string | undefined>>): string {
  const named = [environment.FALCO_HOSTNAME, environment.NODE_NAME]
  return named.find((name) => name !== undefined && name !== '') ?? hostname()
}
