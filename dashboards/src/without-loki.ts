/**
 * The same dashboards for those who have no Loki: a panel whose data source is not there is an
 * error in every Grafana, whatever its title says, and no form of 10.4 hides it. A row that is
 * repeated by a data source variable is shown once when there is none.
 */
import type {
  Dashboard,
  DynamicConfigValue,
  Panel,
  RowPanel,
} from '@grafana/grafana-foundation-sdk/dashboard'

const WIDTH = 24

const HOW_TO =
  'Choose a **pod**, **rule** or **node** above. Metrics count every detection; the text and all fields of the newest are on the page of the exporter, port 9376. The pod of a host process is empty.'

/** Variables that only log lines need. */
const OF_LOGS = new Set(['loki', 'text'])

export function withoutLoki(dashboard: Dashboard): Dashboard {
  const variables = dashboard.templating.list ?? []
  const kept = (dashboard.panels ?? []).filter((panel) => !asksLoki(panel)).map(withoutLogLinks)
  return {
    ...dashboard,
    description: `${dashboard.description ?? ''} Without log lines, since there is no Loki.`,
    templating: { list: variables.filter(({ name }) => !OF_LOGS.has(name)) },
    panels: arranged(withoutEmptyRows(kept)),
  }
}

function asksLoki(panel: Panel | RowPanel): boolean {
  return panel.datasource?.type === 'loki' || isOfLoki(panel)
}

/** Health has a row about shipping, which says that there is none. */
function isOfLoki({ title = '' }: Panel | RowPanel): boolean {
  return /\bLoki\b|^Log lines given up/.test(title)
}

type Any = Panel | RowPanel

function isRow(panel: Any): boolean {
  return panel.type === 'row'
}

function withoutEmptyRows(panels: readonly Any[]): readonly Any[] {
  return panels.filter((panel, index) => {
    const next = panels[index + 1]
    return !isRow(panel) || (next !== undefined && !isRow(next))
  })
}

/** Links to log lines go, and to dashboards they no longer carry a Loki. */
function withoutLogLinks(panel: Any): Any {
  if (panel.type === 'text') return { ...panel, options: { mode: 'markdown', content: HOW_TO } }
  if (!('fieldConfig' in panel)) return panel
  const overrides = panel.fieldConfig.overrides
    .map(({ matcher, properties }) => ({ matcher, properties: properties.map(withoutLogs) }))
    .map(({ matcher, properties }) => ({
      matcher,
      properties: properties.filter(({ value }) => !Array.isArray(value) || value.length > 0),
    }))
    .filter(({ properties }) => properties.length > 0)
  return { ...panel, fieldConfig: { ...panel.fieldConfig, overrides } }
}

function withoutLogs(property: DynamicConfigValue): DynamicConfigValue {
  const { id } = property
  const value: unknown = property.value
  if (id !== 'links' || !Array.isArray(value)) return { id, value }
  const links = value.filter(isLink).filter(({ url }) => !url.startsWith('/explore'))
  return {
    id,
    value: links.map((link) => ({ ...link, url: link.url.replace('${loki:queryparam}&', '') })),
  }
}

function isLink(value: unknown): value is { readonly url: string } {
  return typeof value === 'object' && value !== null && 'url' in value
}

/** Line by line, as before; the last of a line takes what is left of its width. */
function arranged(panels: readonly Any[]): Any[] {
  const lines: Any[][] = []
  let used = WIDTH
  for (const panel of panels) {
    const width = panel.gridPos?.w ?? WIDTH
    if (isRow(panel) || used + width > WIDTH) {
      lines.push([])
      used = 0
    }
    lines.at(-1)?.push(panel)
    used += isRow(panel) ? WIDTH : width
  }
  let y = 0
  return lines.flatMap((line) => {
    const top = y
    const height = Math.max(...line.map(({ gridPos }) => gridPos?.h ?? 1))
    y += height
    let x = 0
    return line.map((panel, index) => {
      const isLast = index === line.length - 1
      const w = isLast || isRow(panel) ? WIDTH - x : (panel.gridPos?.w ?? WIDTH)
      const gridPos = { ...panel.gridPos, x, y: top, w, h: panel.gridPos?.h ?? 1 }
      x += w
      return { ...panel, gridPos }
    })
  })
}
