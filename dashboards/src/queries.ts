/** Builders of queries. */
import { DataqueryBuilder as LokiQuery } from '@grafana/grafana-foundation-sdk/loki'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { LOKI, PROMETHEUS, SELECTED } from './config.js'

/** A line over time. */
export function overTime(expr: string, legend: string, refId = 'A'): DataqueryBuilder {
  return new DataqueryBuilder()
    .datasource(PROMETHEUS)
    .refId(refId)
    .expr(expr)
    .legendFormat(legend)
    .range()
}

/** One number. */
export function now(expr: string, legend = '', refId = 'A'): DataqueryBuilder {
  return new DataqueryBuilder()
    .datasource(PROMETHEUS)
    .refId(refId)
    .expr(expr)
    .legendFormat(legend)
    .instant()
}

/** Rows of a table. */
export function rows(expr: string, refId = 'A'): DataqueryBuilder {
  return now(expr, '', refId).format(PromQueryFormat.Table)
}

export function lines(expr: string, limit: number): LokiQuery {
  return new LokiQuery().datasource(LOKI).refId('A').expr(expr).queryType('range').maxLines(limit)
}

/** A line over time, out of logs. */
export function linesOverTime(expr: string, legend: string): LokiQuery {
  return new LokiQuery()
    .datasource(LOKI)
    .refId('A')
    .expr(expr)
    .queryType('range')
    .legendFormat(legend)
}

/**
 * By how much a counter grew in the chosen range, to the number. `increase` extrapolates: right
 * after a first event it says two. It is left for counters that began anew in the range.
 */
export function growth(selector: string, offset = ''): string {
  const range = `${selector}[$__range]${offset}`
  const exact = `max_over_time(${range}) - min_over_time(${range})`
  return `(${exact} and resets(${range}) == 0 or increase(${range}))`
}

/** Detections in the chosen range, by the labels. */
export function detections(by: readonly string[], offset = ''): string {
  const grouping = by.length === 0 ? '' : ` by (${by.join(', ')}) `
  return `round(sum${grouping}${growth(`falco_events{${SELECTED}}`, offset)})`
}

/** When the newest detection was seen, in milliseconds, of those that are in the range. */
export function lastSeen(by: readonly string[]): string {
  const grouping = by.join(', ')
  const seen = `max by (${grouping}) (falco_event_last_seen_timestamp_seconds{${SELECTED}})`
  return `1000 * ${seen} and on (${grouping}) (${detections(by)} > 0)`
}
