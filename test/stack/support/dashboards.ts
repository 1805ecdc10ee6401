/** The dashboards as Grafana would ask them. */
import { at, list, objectsIn, readJson, text } from './values.js'

export const NAMES = ['overview', 'investigate', 'health'] as const

/** Below `dashboards/`: with log lines, and for those who have no Loki. */
export const FILES = [...NAMES, ...NAMES.map((name) => `without-loki/${name}` as const)] as const

export interface Query {
  readonly where: string
  readonly title: string
  readonly refId: string
  readonly language: 'promql' | 'logql'
  readonly expr: string
}

const ALL = /\$\{priority:pipe\}|\$\{?(cluster|node|namespace|pod|rule|exporter)\}?/g

/** Puts values into a query as Grafana does when everything is chosen. */
export function fill(expr: string, range = '1h', interval = '1m'): string {
  return expr
    .replace(ALL, '.*')
    .replaceAll('${text:regex}', '')
    .replaceAll('$__range', range)
    .replaceAll('$__rate_interval', interval)
    .replaceAll('$__auto', interval)
}

/** Every query of every panel. */
export function queries(): readonly Query[] {
  return NAMES.flatMap((name) => {
    const dashboard = readJson(`dashboards/${name}.json`)
    return list(at(dashboard, 'panels')).flatMap((panel) =>
      list(at(panel, 'targets')).map((target): Query => {
        const title = text(at(panel, 'title'))
        return {
          where: `${name}: ${title}`,
          title,
          refId: text(at(target, 'refId')),
          language: at(target, 'datasource', 'type') === 'loki' ? 'logql' : 'promql',
          expr: text(at(target, 'expr')),
        }
      }),
    )
  })
}

/** Every link and address in a dashboard. */
export function urls(dashboard: unknown): readonly string[] {
  return Array.from(objectsIn(dashboard), ({ url }) => text(url)).filter((url) => url !== '')
}
