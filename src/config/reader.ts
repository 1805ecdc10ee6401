/** Reads single settings out of what was given; a text that is no value is told with its place. */
import { parseMatcher, parsePriority, type Selection } from '../matcher.js'
import type { Given } from './given.js'
import { SETTINGS, type SettingName } from './settings.js'

export interface ConfigReader {
  text(name: SettingName): string | undefined
  one<T>(name: SettingName, parse: Parse<T>, wanted: string): T | undefined
  all<T>(name: SettingName, parse: Parse<T>, wanted: string): readonly T[]
}

type Parse<T> = (text: string) => T | undefined

export function createReader(given: Given): ConfigReader {
  const textsOf = (name: SettingName): { texts: readonly string[]; origin: string } => {
    const standard = SETTINGS.find((setting) => setting.name === name)?.default
    const texts = standard === undefined ? [] : [standard]
    return given.values.get(name) ?? { texts, origin: `default of ${name}` }
  }
  function all<T>(name: SettingName, parse: Parse<T>, wanted: string): readonly T[] {
    const { texts, origin } = textsOf(name)
    return texts.flatMap((text) => {
      const value = parse(text)
      if (value !== undefined) return [value]
      given.errors.push(`${origin}: "${text}" is not ${wanted}`)
      return []
    })
  }
  return {
    all,
    one: (name, parse, wanted) => all(name, parse, wanted)[0],
    text: (name) => textsOf(name).texts.at(-1),
  }
}

export function toSelection(
  read: ConfigReader,
  target: 'alertmanager' | 'loki' | 'series',
): Selection {
  const priority = 'a priority, such as Warning or 4'
  const matcher = 'FIELD=VALUE, FIELD!=VALUE, FIELD=~REGEX or FIELD!~REGEX'
  return {
    minPriority: read.one(`${target}-min-priority`, parsePriority, priority) ?? 7,
    matchers: read.all(`${target}-filter`, parseMatcher, matcher),
  }
}
