/**
 * Which alerts a target gets: a least priority, and matchers that all must hold.
 *
 * A matcher is written as Prometheus and Loki write theirs, without quotes: `FIELD=VALUE`,
 * `FIELD!=VALUE`, `FIELD=~REGEX`, `FIELD!~REGEX`; expressions match the whole value.
 */
import { PRIORITY_NAMES, type Alert, type Priority } from './alert.js'

export interface Matcher {
  readonly text: string
  matches(alert: Alert): boolean
}

export interface Selection {
  /** Alerts that are less urgent than this are left out; 7 takes all. */
  readonly minPriority: Priority
  readonly matchers: readonly Matcher[]
}

export const EVERYTHING: Selection = { minPriority: 7, matchers: [] }

export function selects({ minPriority, matchers }: Selection, alert: Alert): boolean {
  return alert.priority <= minPriority && matchers.every((matcher) => matcher.matches(alert))
}

const PROPERTIES: Readonly<Record<string, (alert: Alert) => string>> = {
  rule: ({ rule }) => rule,
  priority: ({ priority }) => PRIORITY_NAMES[priority],
  source: ({ source }) => source,
  hostname: ({ hostname }) => hostname,
  tags: ({ tags }) => tags.join(','),
  output: ({ output }) => output,
}

/** Values come from watched processes: an expression never sees more than this. */
const REGEX_INPUT_LIMIT = 4_096

export function parseMatcher(text: string): Matcher | undefined {
  const parts = /^\s*([a-zA-Z][\w.[\]]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text)
  if (parts === null) return undefined
  const [, field = '', operator = '', wanted = ''] = parts
  const read = PROPERTIES[field] ?? (({ fields }: Alert) => fields.get(field) ?? '')
  const isNegated = operator.startsWith('!')
  if (!operator.endsWith('~')) {
    return { text, matches: (alert) => (read(alert) === wanted) !== isNegated }
  }
  const pattern = toPattern(wanted)
  if (pattern === undefined) return undefined
  return {
    text,
    matches: (alert) => pattern.test(read(alert).slice(0, REGEX_INPUT_LIMIT)) !== isNegated,
  }
}

function toPattern(text: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${text})$`, 'su')
  } catch {
    return undefined
  }
}

/** A priority by Falco's name for it, in any letter case, or by its number, 0 for the most urgent. */
export function parsePriority(text: string): Priority | undefined {
  const wanted = text.toLowerCase()
  return PRIORITIES.find((number) => {
    const name = PRIORITY_NAMES[number].toLowerCase()
    return String(number) === wanted || name === wanted || (number === 6 && wanted === 'info')
  })
}

const PRIORITIES: readonly Priority[] = [0, 1, 2, 3, 4, 5, 6, 7]
