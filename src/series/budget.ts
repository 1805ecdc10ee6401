/**
 * How many series may exist, and which one an alert counts in when no more may.
 *
 * A new label set over the budget, or over the share of its rule or its pod, counts in an overflow
 * series: sums stay right, and neither a rule that fires in endless pods nor a pod whose extra
 * labels have endless values can push out others.
 */
import { toKey, toRuleOverflow, toTotalOverflow, OVERFLOW, type LabelValues } from './labels.js'

export interface Budget {
  readonly series: number
  /** Most series of one rule. */
  readonly perRule: number
  /** Most series of one pod. */
  readonly perPod: number
  /** Overflow series come on top of the budget, up to this many (then one per priority). */
  readonly overflow: number
}

/** A pod may have as many as there are rules, however small the budget. */
const PER_POD = 100

/**
 * A rule may take a quarter and a pod a twentieth; overflow series are as many as there are sane
 * rules.
 */
export function toBudget(series: number): Budget {
  const perRule = Math.max(1, Math.floor(series / 4))
  const perPod = Math.max(PER_POD, Math.floor(series / 20))
  return { series, perRule, perPod, overflow: 1_000 }
}

/** Which pod's share a series takes from; undefined where there is no pod. */
export function toShare(labels: LabelValues): string | undefined {
  return labels.k8s_pod_name === '' ? undefined : `${labels.k8s_ns_name}\n${labels.k8s_pod_name}`
}

export interface Usage {
  readonly regular: number
  readonly overflow: number
  readonly ofRule: (rule: string) => number
  readonly ofPod: (share: string) => number
  readonly has: (key: string) => boolean
}

export interface Placed {
  readonly key: string
  readonly labels: LabelValues
  readonly overflowed: boolean
}

/** Where a label set counts that has no series yet. */
export function place(labels: LabelValues, budget: Budget, usage: Usage): Placed {
  const key = toKey(labels)
  if (usage.has(key)) return { key, labels, overflowed: isOverflow(labels) }
  const share = toShare(labels)
  const fits =
    usage.regular < budget.series &&
    usage.ofRule(labels.rule) < budget.perRule &&
    (share === undefined || usage.ofPod(share) < budget.perPod)
  if (fits) return { key, labels, overflowed: false }
  const folded = toRuleOverflow(labels)
  const foldedKey = toKey(folded)
  if (usage.has(foldedKey) || usage.overflow < budget.overflow) {
    return { key: foldedKey, labels: folded, overflowed: true }
  }
  const total = toTotalOverflow(labels)
  return { key: toKey(total), labels: total, overflowed: true }
}

export function isOverflow(labels: LabelValues): boolean {
  return labels.hostname === OVERFLOW && labels.k8s_pod_name === OVERFLOW
}
