/** Reads values of unknown form: JSON and YAML that the tests look into. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from './run.js'

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value behind the path; undefined where there is none. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((found, key) => {
    if (Array.isArray(found)) return typeof key === 'number' ? found[key] : undefined
    return isFields(found) ? found[key] : undefined
  }, value)
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Every object in the value, itself included. */
export function* objectsIn(value: unknown): Generator<Fields> {
  if (isFields(value)) yield value
  const inner = Array.isArray(value) ? value : isFields(value) ? Object.values(value) : []
  for (const one of inner) yield* objectsIn(one)
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function readYaml(path: string): unknown {
  // Rule files share annotations by anchors.
  return parse(readText(path), { maxAliasCount: 1000 })
}

export function readYamlDocuments(yaml: string): readonly unknown[] {
  return parseAllDocuments(yaml).flatMap((document): unknown[] => {
    if (!('toJS' in document)) return []
    const [error] = document.errors
    if (error !== undefined) throw error
    const value: unknown = document.toJS()
    return value === null ? [] : [value]
  })
}

export function readJson(path: string): unknown {
  return JSON.parse(readText(path))
}
