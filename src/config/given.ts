/** Step one: what file, environment and flags say, as text, and where each was said. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { findNearest } from './nearest.js'
import { ACTIONS, SETTINGS, toEnvironmentName, type Action, type SettingName } from './settings.js'

export interface Given {
  /** Later entries win; a list's texts come from one place. */
  readonly values: Map<SettingName, { readonly texts: readonly string[]; readonly origin: string }>
  readonly errors: string[]
}

const NAMES: readonly SettingName[] = SETTINGS.map(({ name }) => name)
const LISTS: ReadonlySet<string> = new Set(
  SETTINGS.filter(({ isList }) => isList).map(({ name }) => name),
)

function findSetting(name: string): SettingName | undefined {
  return NAMES.find((known) => known === name)
}

/** Reads a file's text; each problem is named with line and column. */
export function readFile(text: string, path: string, given: Given): void {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0)
    return `${path}:${line}:${col}`
  }
  for (const error of document.errors) given.errors.push(`${at(error.pos[0])}: ${error.message}`)
  if (document.errors.length > 0 || document.contents === null) return
  if (!isMap(document.contents)) {
    given.errors.push(`${at(0)}: expected "setting: value" lines`)
    return
  }
  for (const { key, value } of document.contents.items) {
    const origin = at(key.range[0])
    const written = isScalar(key) ? String(key.value) : ''
    const name = findSetting(written)
    if (name === undefined) {
      given.errors.push(`${origin}: unknown setting "${written}"${suggest(written, NAMES)}`)
      continue
    }
    const texts = toTexts(value)
    if (texts === undefined || (texts.length !== 1 && !LISTS.has(name))) {
      const wanted = LISTS.has(name) ? 'a value or a list of values' : 'one value'
      given.errors.push(`${origin}: ${name}: expected ${wanted}`)
      continue
    }
    given.values.set(name, { texts, origin: `${origin}: ${name}` })
  }
}

function toTexts(node: unknown): readonly string[] | undefined {
  if (isScalar(node)) return node.value === null ? undefined : [toText(node)]
  if (!isSeq(node) || node.items.length === 0) return undefined
  const texts = node.items.map((item) => (isScalar(item) ? toText(item) : undefined))
  return texts.every((text) => text !== undefined) ? texts : undefined
}

/** As written where YAML keeps it, so that `007` stays what the user typed. */
function toText(scalar: { readonly value: unknown; source?: string }): string {
  return scalar.source ?? String(scalar.value)
}

/** Unknown variables with our prefix are told too: a typo there is as silent as any. */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  given: Given,
): void {
  const known = new Map(NAMES.map((name) => [toEnvironmentName(name), name]))
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('PEREGRINE_') || text === undefined || text === '') continue
    if (OTHER_VARIABLES.has(variable) || SERVICE_LINK.test(variable)) continue
    const name = known.get(variable)
    if (name === undefined) {
      const hint = suggest(variable, [...known.keys(), CONFIG_VARIABLE])
      given.errors.push(`unknown environment variable ${variable}${hint}`)
      continue
    }
    const texts = LISTS.has(name) ? text.split(',').map((part) => part.trim()) : [text]
    given.values.set(name, { texts, origin: variable })
  }
}

/** Kubernetes tells pods of a Service named `peregrine…` by variables of these forms. */
const SERVICE_LINK =
  /^PEREGRINE(?:_[A-Z0-9_]+)?_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP).*)?)$/

export const CONFIG_VARIABLE = 'PEREGRINE_CONFIG'
export const RECEIVER_VARIABLE = 'PEREGRINE_RECEIVER_LISTEN'
const OTHER_VARIABLES: ReadonlySet<string> = new Set([CONFIG_VARIABLE, RECEIVER_VARIABLE])

export interface Flags {
  readonly action: Action | undefined
  readonly configPath: string | undefined
  readonly apply: (given: Given) => void
}

/** `--name value` and `--name=value`; nothing else is understood. */
export function parseFlags(argv: readonly string[]): Flags {
  const errors: string[] = []
  const texts = new Map<SettingName, string[]>()
  let action: Action | undefined
  let configPath: string | undefined
  const queue = [...argv]
  for (let argument = queue.shift(); argument !== undefined; argument = queue.shift()) {
    const [, written = '', joined] = /^--([^=]+)(?:=(.*))?$/s.exec(argument) ?? []
    const found = ACTIONS.find((known) => known === written)
    if (found !== undefined && joined === undefined) {
      action ??= found
      continue
    }
    const name = findSetting(written)
    if (name === undefined && written !== 'config') {
      errors.push(unknownFlag(argument, written))
      // Its value is not told as a second mistake.
      if (joined === undefined && queue[0]?.startsWith('--') === false) queue.shift()
      continue
    }
    const text = joined ?? queue.shift()
    if (text === undefined) errors.push(`--${written} needs a value`)
    else if (name === undefined) configPath = text
    else texts.set(name, LISTS.has(name) ? [...(texts.get(name) ?? []), text] : [text])
  }
  return {
    action,
    configPath,
    apply(given) {
      given.errors.push(...errors)
      for (const [name, values] of texts) {
        given.values.set(name, { texts: values, origin: `--${name}` })
      }
    },
  }
}

function unknownFlag(argument: string, written: string): string {
  if (written === '') return `unexpected argument "${argument}": see --help`
  const known = [...NAMES, ...ACTIONS, 'config'].map((name) => `--${name}`)
  return `unknown flag --${written}${suggest(`--${written}`, known)}`
}

function suggest(wrong: string, known: readonly string[]): string {
  const nearest = findNearest(wrong, known)
  return nearest === undefined ? ': see --help' : `: did you mean ${nearest}?`
}
