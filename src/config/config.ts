/** From command line, environment and file to one configuration, or to what is wrong. */
import { hostname } from 'node:os'
import {
  CONFIG_VARIABLE,
  parseFlags,
  readEnvironment,
  readFile,
  RECEIVER_VARIABLE,
  type Given,
} from './given.js'
import { renderConfig, renderHelp } from './help.js'
import { resolve, type Config, type GrafanaConfig } from './resolve.js'
import { parseBaseUrl, parseListen, type ListenAddress } from './values.js'

export type Command =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'doctor'; readonly config: Config }
  | { readonly kind: 'healthcheck'; readonly config: Config }
  | {
      readonly kind: 'receiver'
      readonly listen: ListenAddress
      readonly grafana: GrafanaConfig | undefined
    }
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
  if (argv[0] === 'receiver') return parseReceiver(argv.slice(1), environment)
  const isDoctor = argv[0] === 'doctor'
  const flags = parseFlags(isDoctor ? argv.slice(1) : argv)
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
  if (flags.action === 'healthcheck') return { kind: 'healthcheck', config }
  return { kind: isDoctor ? 'doctor' : 'run', config }
}

const GRAFANA_VARIABLE = 'PEREGRINE_GRAFANA_URL'
const LOKI_UID_VARIABLE = 'PEREGRINE_GRAFANA_LOKI_UID'
const RECEIVER_LISTEN = '127.0.0.1:9377'

/** The receiver has one setting of its own, and Grafana's address for links. */
function parseReceiver(argv: readonly string[], environment: Surroundings['environment']): Command {
  const [flag, text, ...rest] = argv.flatMap((argument) => {
    const [, name = '', value = ''] = /^(--[^=]+)=(.*)$/s.exec(argument) ?? []
    return name === '' ? [argument] : [name, value]
  })
  if ((flag !== undefined && flag !== '--listen') || rest.length > 0) {
    const errors = [`receiver takes --listen HOST:PORT and nothing else`]
    return { kind: 'refused', errors }
  }
  const given = text ?? environment[RECEIVER_VARIABLE] ?? RECEIVER_LISTEN
  const listen = parseListen(given)
  if (listen !== undefined && (flag === undefined || text !== undefined)) {
    const url = parseBaseUrl(environment[GRAFANA_VARIABLE] ?? '')
    const lokiUid = environment[LOKI_UID_VARIABLE] ?? 'loki'
    return { kind: 'receiver', listen, grafana: url === undefined ? undefined : { url, lokiUid } }
  }
  return { kind: 'refused', errors: [`--listen: "${given}" is not host:port`] }
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
