/**
 * The counts of detections, one per series.
 *
 * `plan` says what some alerts would change and changes nothing; `apply` makes it so. Between
 * the two the caller writes the plan to disk: what a scrape shows has always been kept, so a
 * killed process never shows less than it did.
 *
 * Invariant: one caller; nobody plans between another's plan and apply.
 */
import type { Alert } from '../alert.js'
import { isOverflow, place, type Budget, type Usage } from './budget.js'
import { fromKey, toLabels, toLabelText, type LabelValues } from './labels.js'

export interface Series {
  readonly key: string
  /** `{…}` of the exposition, made once. */
  readonly labelText: string
  readonly rule: string
  /** Order of birth, from 1; never reused, kept over restarts. */
  readonly birth: number
  readonly bornMilliseconds: number
  count: number
  lastSeenMilliseconds: number
}

/** What is kept of a series. */
export interface SeriesRecord {
  readonly key: string
  readonly birth: number
  readonly bornMilliseconds: number
  readonly count: number
  readonly lastSeenMilliseconds: number
}

export interface CountsPlan {
  readonly changed: readonly SeriesRecord[]
  readonly overflowed: number
}

export interface Counts {
  plan(alerts: readonly Alert[], nowMilliseconds: number): CountsPlan
  apply(plan: CountsPlan): void
  /** All series in the order of their birth. */
  all(): Iterable<Series>
  readonly size: number
  /** Birth of the youngest series. */
  readonly lastBirth: number
  readonly overflowed: number
}

interface Draft {
  readonly birth: number
  readonly bornMilliseconds: number
  readonly labels: LabelValues
  count: number
}

export function createCounts(budget: Budget, kept: Iterable<SeriesRecord> = []): Counts {
  const series = new Map<string, Series>()
  const perRule = new Map<string, number>()
  let overflowSeries = 0
  let lastBirth = 0
  let overflowed = 0

  function insert(record: SeriesRecord): void {
    const labels = fromKey(record.key)
    if (labels === undefined) return
    const { key, birth, bornMilliseconds, count, lastSeenMilliseconds } = record
    const labelText = toLabelText(labels)
    const { rule } = labels
    series.set(key, {
      key,
      labelText,
      rule,
      birth,
      bornMilliseconds,
      count,
      lastSeenMilliseconds,
    })
    if (isOverflow(labels)) overflowSeries++
    else perRule.set(rule, (perRule.get(rule) ?? 0) + 1)
    lastBirth = Math.max(lastBirth, birth)
  }

  for (const record of [...kept].sort((a, b) => a.birth - b.birth)) insert(record)

  return {
    plan(alerts, nowMilliseconds) {
      const drafts = new Map<string, Draft>()
      const bornOfRule = new Map<string, number>()
      let bornRegular = 0
      let bornOverflow = 0
      let folded = 0
      const usage: Usage = {
        get regular() {
          return series.size - overflowSeries + bornRegular
        },
        get overflow() {
          return overflowSeries + bornOverflow
        },
        ofRule: (rule) => (perRule.get(rule) ?? 0) + (bornOfRule.get(rule) ?? 0),
        has: (key) => series.has(key) || drafts.has(key),
      }
      for (const alert of alerts) {
        const { key, labels, overflowed: isFolded } = place(toLabels(alert), budget, usage)
        if (isFolded) folded++
        const draft = drafts.get(key)
        if (draft !== undefined) {
          draft.count++
          continue
        }
        const known = series.get(key)
        if (known !== undefined) {
          const { birth, bornMilliseconds, count } = known
          drafts.set(key, { birth, bornMilliseconds, labels, count: count + 1 })
          continue
        }
        const birth = lastBirth + bornRegular + bornOverflow + 1
        drafts.set(key, { birth, bornMilliseconds: nowMilliseconds, labels, count: 1 })
        if (isOverflow(labels)) bornOverflow++
        else {
          bornRegular++
          bornOfRule.set(labels.rule, (bornOfRule.get(labels.rule) ?? 0) + 1)
        }
      }
      const changed = Array.from(drafts, ([key, { birth, bornMilliseconds, count }]) => ({
        key,
        birth,
        bornMilliseconds,
        count,
        lastSeenMilliseconds: nowMilliseconds,
      }))
      return { changed, overflowed: folded }
    },

    apply(plan) {
      overflowed += plan.overflowed
      for (const record of plan.changed) {
        const known = series.get(record.key)
        if (known === undefined) {
          insert(record)
          continue
        }
        known.count = record.count
        known.lastSeenMilliseconds = record.lastSeenMilliseconds
      }
    },

    all: () => series.values(),
    get size() {
      return series.size
    },
    get lastBirth() {
      return lastBirth
    },
    get overflowed() {
      return overflowed
    },
  }
}
