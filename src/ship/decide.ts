/**
 * What an answer means for the entries of a push: a table by status.
 *
 *   accepted   all stored
 *   rejected   Loki has looked at the entries and will never take (some of) them; those that
 *              were valid are stored, so the push is not repeated
 *   later      try again soon: overload, failure, no connection
 *   held       try again slowly: something in front of Loki or in its settings must be
 *              changed by a person; the entries are not at fault
 *   too_large  halve and try again
 */
import type { Answer } from './push.js'

export type Decision = 'accepted' | 'rejected' | 'later' | 'held' | 'too_large'

export const DECISIONS = ['accepted', 'rejected', 'later', 'held', 'too_large'] as const

const BY_STATUS: Readonly<Record<number, Decision>> = {
  // "Ingestion blocked" wears a success' number.
  260: 'held',
  400: 'rejected',
  401: 'held',
  403: 'held',
  404: 'held',
  405: 'held',
  407: 'held',
  408: 'later',
  413: 'too_large',
  422: 'rejected',
  425: 'later',
  429: 'later',
  501: 'held',
}

export function decide(answer: Answer): Decision {
  if (answer.kind === 'unreachable') return 'later'
  const { status } = answer
  const known = BY_STATUS[status]
  if (known !== undefined) return known
  if (status >= 200 && status < 300) return 'accepted'
  if (status >= 300 && status < 400) return 'held'
  return status >= 500 ? 'later' : 'rejected'
}

/** An answer that is about whole log streams, or was cut, says nothing of the number of entries. */
const UNCOUNTED = /label names?[; ]|label value|pars(?:e|ing) labels|required labels/
const COUNTED_LIMIT = 8_000
/** Of Loki's distributor, which leaves out "1 errors like: " where there is but one. */
const ONE_ENTRY = /^(?:max entry size|entry for stream|stream )/

/**
 * How many entries a rejecting answer gave up; the others were stored. Loki's ingester names it per
 * log stream ("total ignored: 1 out of 3"), its distributor by text ("2 errors like: …"). Of an
 * answer with neither, the whole push is what can't be vouched for.
 */
export function toRejectedCount(text: string, entries: number): number {
  if (UNCOUNTED.test(text) || text.length > COUNTED_LIMIT) return entries
  let ignored = 0
  for (const found of text.matchAll(/total ignored: (\d{1,9}) out of \d{1,9}/g)) {
    ignored += Number(found[1])
  }
  for (const found of text.matchAll(/(?:^|; )(\d{1,9}) errors like: /g)) ignored += Number(found[1])
  if (ignored === 0 && ONE_ENTRY.test(text)) ignored = 1
  return ignored > 0 ? Math.min(ignored, entries) : entries
}
