/**
 * The series `falco_events` and `falco_event_last_seen_timestamp_seconds`: counts, budget,
 * first zeros, exposition.
 *
 * Pure but for its own maps: no clock, no disk, no socket here. Bounds: the budget of series
 * plus at most 1,008 overflow series; 64 scrapers. Hidden series are the store's.
 */
export { toBudget, type Budget } from './budget.js'
export {
  createCounts,
  type Counts,
  type CountsPlan,
  type Series,
  type SeriesRecord,
} from './counts.js'
export { createOneBlock, isBrief, newBlocks, renderSeries } from './exposition.js'
export { escapeValue, type LabelConfig } from './labels.js'
export {
  createScrapers,
  toScraperName,
  type Connection,
  type ScraperRecord,
  type Scrapers,
  type Showing,
} from './scrapers.js'
