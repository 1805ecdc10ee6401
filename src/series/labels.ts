/**
 * From an alert to the label values of its series, in the forms that users query today.
 *
 * `priority` is the number "0" (emergency) to "7" (debug); `tags` has a comma on both ends, so
 * that the regex `.*,network,.*` finds one tag.
 */
import type { Alert } from '../alert.js'
import { toPrintable } from '../text.js'

export const LABEL_NAMES = [
  'rule',
  'priority',
  'hostname',
  'source',
  'tags',
  'k8s_ns_name',
  'k8s_pod_name',
] as const

export type LabelValues = Readonly<Record<(typeof LABEL_NAMES)[number], string>>

/** Prometheus refuses a whole scrape for one value over its limit; no honest value is longer. */
const VALUE_LIMIT_BYTES = 256

/** Stands where the budget had no room for the true value. */
export const OVERFLOW = '__overflow__'

export function toLabels(alert: Alert): LabelValues {
  return {
    rule: toLabelValue(alert.rule),
    priority: String(alert.priority),
    hostname: toLabelValue(alert.hostname),
    source: toLabelValue(alert.source),
    tags: alert.tags.length === 0 ? '' : toLabelValue(`,${alert.tags.join(',')},`),
    k8s_ns_name: toLabelValue(alert.fields.get('k8s.ns.name') ?? ''),
    k8s_pod_name: toLabelValue(alert.fields.get('k8s.pod.name') ?? ''),
  }
}

/** One text per set of values, and different texts for different sets. */
export function toKey(labels: LabelValues): string {
  // No value holds a control character, so a newline can only be ours.
  return LABEL_NAMES.map((name) => labels[name]).join('\n')
}

export function fromKey(key: string): LabelValues | undefined {
  const values = key.split('\n')
  if (values.length !== LABEL_NAMES.length) return undefined
  const [rule = '', priority = '', hostname = '', source = ''] = values
  const [, , , , tags = '', namespace = '', pod = ''] = values
  return {
    rule,
    priority,
    hostname,
    source,
    tags,
    k8s_ns_name: namespace,
    k8s_pod_name: pod,
  }
}

/** Keeps what a person sums by first: rule and priority; gives up where it happened. */
export function toRuleOverflow(labels: LabelValues): LabelValues {
  return { ...labels, hostname: OVERFLOW, k8s_ns_name: OVERFLOW, k8s_pod_name: OVERFLOW }
}

/** The last resort, when even rules are too many: priority alone stays. */
export function toTotalOverflow(labels: LabelValues): LabelValues {
  return { ...toRuleOverflow(labels), rule: OVERFLOW, source: OVERFLOW, tags: OVERFLOW }
}

/** `{rule="…",…}` as the text format wants it. */
export function toLabelText(labels: LabelValues): string {
  return `{${LABEL_NAMES.map((name) => `${name}="${escapeValue(labels[name])}"`).join(',')}}`
}

/** Backslash, quote and newline are all that the text format escapes. */
export function escapeValue(value: string): string {
  if (!/[\\"\n]/.test(value)) return value
  return value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
}

function toLabelValue(text: string): string {
  return toPrintable(text, VALUE_LIMIT_BYTES)
}
