/** Links from one place to the next. */
import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard'
import { TAG, UIDS } from './config.js'

const SOURCES = '${datasource:queryparam}&${loki:queryparam}&${__url_time_range}'
const KEPT = ['cluster', 'node', 'namespace', 'pod', 'rule', 'priority'] as const

type Kept = (typeof KEPT)[number]

/**
 * To Investigate, with variables set from the row or value that was clicked; the others stay as
 * they are chosen.
 */
export function toInvestigate(
  title: string,
  variables: Readonly<Partial<Record<Kept, string | readonly string[]>>>,
): Link {
  const values = KEPT.flatMap((name) => {
    const given = variables[name]
    if (given === undefined) return [`\${${name}:queryparam}`]
    return [given].flat().map((value) => `var-${name}=${value}`)
  })
  const url = `/d/${UIDS.investigate}?${[SOURCES, ...values].join('&')}`
  return { title, url, targetBlank: false }
}

export interface Link {
  readonly title: string
  readonly url: string
  readonly targetBlank: boolean
}

/** To Explore with a query of log lines; `${…}` in it stays for Grafana to fill in. */
export function toExplore(title: string, expr: string): Link {
  const pane = {
    datasource: '${loki}',
    queries: [
      { refId: 'A', datasource: { type: 'loki', uid: '${loki}' }, expr, queryType: 'range' },
    ],
    range: { from: '${__from}', to: '${__to}' },
  }
  const panes = encodeURIComponent(JSON.stringify({ a: pane })).replace(
    /%24%7B.*?%7D/g,
    decodeURIComponent,
  )
  return {
    title,
    url: `/explore?schemaVersion=1&orgId=\${__org.id}&panes=${panes}`,
    targetBlank: true,
  }
}

/** Between the dashboards, keeping variables and range. */
export function amongDashboards(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Peregrine')
    .type(DashboardLinkType.Dashboards)
    .tags([TAG])
    .icon('external link')
    .includeVars(true)
    .keepTime(true)
}
