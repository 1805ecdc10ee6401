/**
 * From an alert to the label values of its series, in the forms that users query today.
 *
 * `priority` is the number "0" (emergency) to "7" (debug) unless names are asked for; `tags`
 * has a comma on both ends, so that the regex `.*,network,.*` finds one tag.
 */
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toLabelValue } from '../text.js'
import { toNamespace, toPod } from '../workload.js'

export const LABEL_NAMES = [
  'rule',
  'priority',
  'hostname',
  'source',
  'tags',
  'k8s_ns_name',
  'k8s_pod_name',
] as const

/** What the user added to the seven labels, and how priorities are written. */
export interface LabelConfig {
  readonly extra: readonly { readonly name: string; readonly field: string }[]
  readonly fixed: readonly { readonly name: string; readonly value: string }[]
  readonly priority: 'number' | 'name'
}

export const PLAIN_LABELS: LabelConfig = { extra: [], fixed: [], priority: 'number' }

type Seven = Readonly<Record<(typeof LABEL_NAMES)[number], string>>

export interface LabelValues extends Seven {
  /** Extra labels that have a value, by name. */
  readonly extra: readonly (readonly [name: string, value: string])[]
}

/** Prometheus refuses a whole scrape for one value over its limit; no honest value is longer. */
const VALUE_LIMIT_BYTES = 256

/** Stands where the budget had no room for the true value. */
export const OVERFLOW = '__overflow__'

export function toLabels(alert: Alert, config: LabelConfig): LabelValues {
  return {
    rule: toValue(alert.rule),
    priority: toPriority(alert, config),
    hostname: toValue(alert.hostname),
    source: toValue(alert.source),
    tags: toTags(alert.tags),
    k8s_ns_name: toValue(toNamespace(alert)),
    k8s_pod_name: toValue(toPod(alert)),
    extra: config.extra.flatMap(({ name, field }): [string, string][] => {
      const value = alert.fields.get(field)
      return value === undefined || value === '' ? [] : [[name, toValue(value)]]
    }),
  }
}

/** The key of an alert's labels, without making the labels: most alerts are of a known series. */
export function toAlertKey(alert: Alert, config: LabelConfig): string {
  let key = `${toValue(alert.rule)}\n${toPriority(alert, config)}\n${toValue(
    alert.hostname,
  )}\n${toValue(alert.source)}\n${toTags(alert.tags)}\n${toValue(
    toNamespace(alert),
  )}\n${toValue(toPod(alert))}`
  for (const { name, field } of config.extra) {
    const value = alert.fields.get(field)
    if (value !== undefined && value !== '') key += `\n${name}=${toValue(value)}`
  }
  return key
}

function toPriority({ priority }: Alert, config: LabelConfig): string {
  return config.priority === 'name' ? PRIORITY_NAMES[priority] : String(priority)
}

function toTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : toValue(`,${tags.join(',')},`)
}

/** One text per set of values, and different texts for different sets. */
export function toKey(labels: LabelValues): string {
  // No value holds a control character, so a newline can only be ours.
  const seven = LABEL_NAMES.map((name) => labels[name])
  return [...seven, ...labels.extra.map(([name, value]) => `${name}=${value}`)].join('\n')
}

/** Extra labels carry their names in the key, so a kept series outlives a change of settings. */
export function fromKey(key: string): LabelValues | undefined {
  const values = key.split('\n')
  if (values.length < LABEL_NAMES.length) return undefined
  const [rule = '', priority = '', hostname = '', source = ''] = values
  const [, , , , tags = '', namespace = '', pod = ''] = values
  const extra = values.slice(LABEL_NAMES.length).map((pair): readonly [string, string] => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  const where = { tags, k8s_ns_name: namespace, k8s_pod_name: pod }
  return { rule, priority, hostname, source, ...where, extra }
}

/** Keeps what a person sums by first: rule and priority; gives up where it happened. */
export function toRuleOverflow(labels: LabelValues): LabelValues {
  const where = { hostname: OVERFLOW, k8s_ns_name: OVERFLOW, k8s_pod_name: OVERFLOW }
  return { ...labels, ...where, extra: [] }
}

/** The last resort, when even rules are too many: priority alone stays. */
export function toTotalOverflow(labels: LabelValues): LabelValues {
  return { ...toRuleOverflow(labels), rule: OVERFLOW, source: OVERFLOW, tags: OVERFLOW }
}

/** `{rule="…",…}` as the text format wants it. */
export function toLabelText(labels: LabelValues, config: LabelConfig): string {
  const pairs = LABEL_NAMES.map((name) => toPair(name, labels[name]))
  const fixed = new Set(config.fixed.map(({ name }) => name))
  for (const [name, value] of labels.extra) if (!fixed.has(name)) pairs.push(toPair(name, value))
  for (const { name, value } of config.fixed) pairs.push(toPair(name, toValue(value)))
  return `{${pairs.join(',')}}`
}

function toPair(name: string, value: string): string {
  return `${name}="${escapeValue(value)}"`
}

/** Backslash, quote and newline are all that the text format escapes. */
export function escapeValue(value: string): string {
  if (!/[\\"\n]/.test(value)) return value
  return value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
}

/** Values that were cleaned once: few texts, which come again with every alert. */
const CLEANED_CAPACITY = 4_096
const CLEANED_LENGTH = 128
const cleaned = new Map<string, string>()

function toValue(text: string): string {
  if (text.length > CLEANED_LENGTH) return toLabelValue(text, VALUE_LIMIT_BYTES)
  const known = cleaned.get(text)
  if (known !== undefined) return known
  if (cleaned.size >= CLEANED_CAPACITY) cleaned.clear()
  const value = toLabelValue(text, VALUE_LIMIT_BYTES)
  cleaned.set(text, value)
  return value
}
