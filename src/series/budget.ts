/**
 * How many series may exist, and which one an alert counts in when no more may.
 *
 * A new label set over the budget, or over its rule's share of it, counts in an overflow
 * series: sums stay right, and one rule that fires in endless pods cannot push out others.
 */
import { toKey, toRuleOverflow, toTotalOverflow, OVERFLOW, type LabelValues } from './labels.js'

export interface Budget {
  readonly series: number
  /** Most series of one rule. */
  readonly perRule: number
  /** Overflow series come on top of the budget, up to this many (then one per priority). */
  readonly overflow: number
}

/** A rule may take a quarter; overflow series are as many as there are sane rules. */
export function toBudget(series: number): Budget {
  return { series, perRule: Math.max(1, Math.floor(series / 4)), overflow: 1_000 }
}

export interface Usage {
  readonly regular: number
  readonly overflow: number
  readonly ofRule: (rule: string) => number
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
  const fits = usage.regular < budget.series && usage.ofRule(labels.rule) < budget.perRule
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
