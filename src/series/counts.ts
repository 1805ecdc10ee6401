/**
 * The counts of detections, one per series.
 *
 * `plan` says what some alerts would change and changes nothing; `apply` makes it so. Between
 * the two the caller writes the plan to disk: what a scrape shows has always been kept, so a
 * killed process never shows less than it did.
 *
 * A series that was idle for long leaves: the caller keeps its record elsewhere (`idle`,
 * `hide`) and hands it back with the alert that wakes it. It is then born again, with its old
 * count as the value that each scraper is shown first.
 *
 * Invariant: one caller; nobody plans between another's plan and apply.
 */
import type { Alert } from '../alert.js'
import { isOverflow, place, toShare, type Budget, type Usage } from './budget.js'
import {
  fromKey,
  PLAIN_LABELS,
  toAlertKey,
  toLabels,
  toLabelText,
  type LabelConfig,
  type LabelValues,
} from './labels.js'

/** What is kept of a series. */
export interface SeriesRecord {
  readonly key: string
  /** Order of birth, from 1; never reused, kept over restarts. */
  readonly birth: number
  readonly bornMilliseconds: number
  /** Count before its birth: 0, or what it had when it was last seen. */
  readonly base: number
  readonly count: number
  readonly lastSeenMilliseconds: number
}

export interface Series extends SeriesRecord {
  /** `{…}` of the exposition, made once. */
  readonly labelBytes: Buffer
  readonly rule: string
  readonly share: string | undefined
  readonly isOverflow: boolean
  count: number
  lastSeenMilliseconds: number
}

export interface CountsPlan {
  readonly changed: readonly SeriesRecord[]
  /** Keys of series that were hidden and are back. */
  readonly revived: readonly string[]
  readonly overflowed: number
}

export interface Counts {
  /** `hidden` holds what was kept of those label sets of the alerts that have no series. */
  plan(
    alerts: readonly Alert[],
    nowMilliseconds: number,
    hidden?: ReadonlyMap<string, SeriesRecord>,
  ): CountsPlan
  apply(plan: CountsPlan): void
  /** Keys of the alerts that have no series now. */
  unknown(alerts: readonly Alert[]): ReadonlySet<string>
  /** Some series that were not seen since then, overflow series left out. */
  idle(sinceMilliseconds: number): readonly SeriesRecord[]
  hide(records: readonly SeriesRecord[]): void
  /** All series in the order of their birth. */
  all(): Iterable<Series>
  readonly size: number
  /** Birth of the youngest series. */
  readonly lastBirth: number
  readonly overflowed: number
  readonly hides: number
}

interface Draft {
  readonly birth: number
  readonly bornMilliseconds: number
  readonly base: number
  count: number
}

/** Enough to keep up with any budget at a sweep a minute, little enough for one batch. */
const HIDDEN_AT_ONCE = 5_000

export interface KeptCounts {
  readonly series: Iterable<SeriesRecord>
  /** Births up to this one were given, also to series that are not among these. */
  readonly lastBirth: number
}

export function createCounts(
  budget: Budget,
  kept: KeptCounts = { series: [], lastBirth: 0 },
  config: LabelConfig = PLAIN_LABELS,
): Counts {
  const series = new Map<string, Series>()
  const perRule = new Map<string, number>()
  const perPod = new Map<string, number>()
  let overflowSeries = 0
  let { lastBirth } = kept
  let overflowed = 0
  let hides = 0

  function insert(record: SeriesRecord): void {
    const labels = fromKey(record.key)
    if (labels === undefined) return
    const { rule } = labels
    const entry: Series = {
      ...record,
      labelBytes: Buffer.from(toLabelText(labels, config)),
      rule,
      share: toShare(labels),
      isOverflow: isOverflow(labels),
    }
    series.set(record.key, entry)
    if (entry.isOverflow) overflowSeries++
    else {
      change(perRule, rule, 1)
      if (entry.share !== undefined) change(perPod, entry.share, 1)
    }
    lastBirth = Math.max(lastBirth, record.birth)
  }

  function remove(key: string): void {
    const known = series.get(key)
    if (known === undefined) return
    series.delete(key)
    change(perRule, known.rule, -1)
    if (known.share !== undefined) change(perPod, known.share, -1)
  }

  /** Drafts of series, as one plan makes them. */
  function createDrafts(nowMilliseconds: number, hidden: ReadonlyMap<string, SeriesRecord>) {
    const drafts = new Map<string, Draft>()
    const revived: string[] = []
    const bornOfRule = new Map<string, number>()
    const bornOfPod = new Map<string, number>()
    let bornRegular = 0
    let bornOverflow = 0
    const usage: Usage = {
      get regular() {
        return series.size - overflowSeries + bornRegular
      },
      get overflow() {
        return overflowSeries + bornOverflow
      },
      ofRule: (rule) => (perRule.get(rule) ?? 0) + (bornOfRule.get(rule) ?? 0),
      ofPod: (share) => (perPod.get(share) ?? 0) + (bornOfPod.get(share) ?? 0),
      has: (key) => series.has(key) || drafts.has(key),
    }
    const bear = (key: string, labels: LabelValues): void => {
      const base = hidden.get(key)?.count ?? 0
      if (hidden.has(key)) revived.push(key)
      const birth = lastBirth + bornRegular + bornOverflow + 1
      drafts.set(key, { birth, bornMilliseconds: nowMilliseconds, base, count: base + 1 })
      if (isOverflow(labels)) bornOverflow++
      else {
        bornRegular++
        change(bornOfRule, labels.rule, 1)
        const share = toShare(labels)
        if (share !== undefined) change(bornOfPod, share, 1)
      }
    }
    /** True where the key has a series, or a draft of one. */
    const add = (key: string): boolean => {
      const draft = drafts.get(key)
      if (draft !== undefined) {
        draft.count++
        return true
      }
      const known = series.get(key)
      if (known === undefined) return false
      const { birth, bornMilliseconds, base, count } = known
      drafts.set(key, { birth, bornMilliseconds, base, count: count + 1 })
      return true
    }
    return { drafts, revived, usage, bear, add }
  }

  for (const record of [...kept.series].sort((a, b) => a.birth - b.birth)) insert(record)

  return {
    plan(alerts, nowMilliseconds, hidden = new Map<string, SeriesRecord>()) {
      const { drafts, revived, usage, bear, add } = createDrafts(nowMilliseconds, hidden)
      let folded = 0
      for (const alert of alerts) {
        if (add(toAlertKey(alert, config))) continue
        const { key, labels, overflowed: isFolded } = place(toLabels(alert, config), budget, usage)
        if (isFolded) folded++
        if (!add(key)) bear(key, labels)
      }
      const changed = Array.from(drafts, ([key, draft]) => ({
        key,
        ...draft,
        lastSeenMilliseconds: nowMilliseconds,
      }))
      return { changed, revived, overflowed: folded }
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

    unknown(alerts) {
      const keys = new Set<string>()
      for (const alert of alerts) {
        const key = toAlertKey(alert, config)
        if (!series.has(key)) keys.add(key)
      }
      return keys
    },

    idle(sinceMilliseconds) {
      const found: SeriesRecord[] = []
      for (const entry of series.values()) {
        if (entry.lastSeenMilliseconds >= sinceMilliseconds || entry.isOverflow) continue
        found.push(toRecord(entry))
        if (found.length >= HIDDEN_AT_ONCE) break
      }
      return found
    },

    hide(records) {
      hides += records.length
      for (const { key } of records) remove(key)
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
    get hides() {
      return hides
    },
  }
}

/** What comes to nothing leaves. */
function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count <= 0) counts.delete(key)
  else counts.set(key, count)
}

function toRecord(entry: Series): SeriesRecord {
  const { key, birth, bornMilliseconds, base, count, lastSeenMilliseconds } = entry
  return { key, birth, bornMilliseconds, base, count, lastSeenMilliseconds }
}
