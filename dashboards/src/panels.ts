/** Builders of panels: what all panels of a kind have in common. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  LogsSortOrder,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DynamicConfigValue,
  type Threshold,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as LogsPanel } from '@grafana/grafana-foundation-sdk/logs'
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TextPanel, TextMode } from '@grafana/grafana-foundation-sdk/text'
import { PanelBuilder as TimePanel } from '@grafana/grafana-foundation-sdk/timeseries'
import { LOKI, PRIORITIES, PROMETHEUS } from './config.js'
import type { Link } from './links.js'

/** Bars and windows no narrower than this: four scrapes of the usual 15 s. */
const LEAST_INTERVAL = '1m'

export interface Frame {
  readonly title: string
  /** What it says and what to do about it; shown behind the panel's "i". */
  readonly description: string
  readonly width: number
  readonly height: number
}

interface StatOptions extends Frame {
  readonly target: Builder<Dataquery>
  readonly unit?: string
  readonly decimals?: number
  readonly steps: readonly Threshold[]
  readonly mappings?: ValueMapping[]
  readonly links?: readonly Link[]
  readonly noValue?: string
}

export function stat(options: StatOptions): StatPanel {
  const panel = new StatPanel()
    .title(options.title)
    .description(options.description)
    .datasource(PROMETHEUS)
    .span(options.width)
    .height(options.height)
    .withTarget(options.target)
    .unit(options.unit ?? 'short')
    .decimals(options.decimals ?? 0)
    .noValue(options.noValue ?? 'not known')
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Background)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .thresholds(toThresholds(options.steps))
    .mappings(options.mappings ?? [])
  return options.links === undefined ? panel : panel.withOverride(linksOnAll(options.links))
}

interface TimeOptions extends Frame {
  readonly targets: readonly Builder<Dataquery>[]
  readonly unit?: string
  readonly noValue: string
  readonly isStacked?: boolean
  readonly isByPriority?: boolean
  readonly fromLoki?: boolean
  readonly links?: readonly Link[]
  readonly steps?: readonly Threshold[]
}

/** Bars where things are counted, lines where they are measured. */
export function overTimePanel(options: TimeOptions): TimePanel {
  const panel = new TimePanel()
    .title(options.title)
    .description(options.description)
    .datasource(options.fromLoki === true ? LOKI : PROMETHEUS)
    .span(options.width)
    .height(options.height)
    .targets([...options.targets])
    .interval(LEAST_INTERVAL)
    .unit(options.unit ?? 'short')
    .min(0)
    .noValue(options.noValue)
    .drawStyle(options.isStacked === true ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .fillOpacity(options.isStacked === true ? 80 : 10)
    .lineWidth(1)
    .showPoints(VisibilityMode.Auto)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
  if (options.isStacked === true) {
    panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal)).decimals(0)
  }
  if (options.steps !== undefined) panel.thresholds(toThresholds(options.steps))
  if (options.links !== undefined) panel.withOverride(linksOnAll(options.links))
  if (options.isByPriority === true) {
    for (const { number, name, color } of PRIORITIES) {
      panel.overrideByRegexp(`^(${number}|${name})$`, [
        { id: 'displayName', value: name },
        { id: 'color', value: { mode: 'fixed', fixedColor: color } },
      ])
    }
  }
  return panel
}

interface TableOptions extends Frame {
  readonly targets: readonly Builder<Dataquery>[]
  readonly noValue: string
  /** From the name in the answer to the name on the table, in the order of the columns. */
  readonly columns: Readonly<Record<string, string>>
  readonly sortBy: string
  readonly fromLoki?: boolean
  readonly overrides?: Readonly<Record<string, DynamicConfigValue[]>>
  /** Of log lines: the labels become columns of their own. */
  readonly transformations?: readonly { readonly id: string; readonly options: object }[]
}

export function table(options: TableOptions): TablePanel {
  const names = Object.keys(options.columns)
  const panel = new TablePanel()
    .title(options.title)
    .description(options.description)
    .datasource(options.fromLoki === true ? LOKI : PROMETHEUS)
    .span(options.width)
    .height(options.height)
    .targets([...options.targets])
    .noValue(options.noValue)
    .filterable(true)
    .sortBy([new TableSortByFieldStateBuilder().displayName(options.sortBy).desc(true)])
  for (const transformation of options.transformations ?? [{ id: 'merge', options: {} }]) {
    panel.withTransformation(transformation)
  }
  panel.withTransformation({
    id: 'filterFieldsByName',
    options: { include: { names } },
  })
  panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
      renameByName: options.columns,
    },
  })
  for (const [name, properties] of Object.entries(options.overrides ?? {})) {
    panel.overrideByName(name, properties)
  }
  return panel
}

interface LogsOptions extends Frame {
  readonly target: Builder<Dataquery>
}

export function logs(options: LogsOptions): LogsPanel {
  return new LogsPanel()
    .title(options.title)
    .description(options.description)
    .datasource(LOKI)
    .span(options.width)
    .height(options.height)
    .withTarget(options.target)
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(LogsSortOrder.Descending)
}

export function text(content: string, frame: Frame): TextPanel {
  return new TextPanel()
    .title(frame.title)
    .description(frame.description)
    .span(frame.width)
    .height(frame.height)
    .mode(TextMode.Markdown)
    .content(content)
}

/** Steps of colour: the first has no lower end. */
export function steps(
  first: string,
  ...rest: readonly (readonly [from: number, color: string])[]
): Threshold[] {
  return [{ value: null, color: first }, ...rest.map(([value, color]) => ({ value, color }))]
}

function toThresholds(of: readonly Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...of])
}

/** So that a quiet and healthy system says so in words. */
export function inWords(values: Readonly<Record<string, string>>): ValueMapping[] {
  const options = Object.fromEntries(
    Object.entries(values).map(([value, word], index) => [value, { text: word, index }]),
  )
  return [{ type: MappingType.ValueToText, options }]
}

/** Names and colours of the numbers 0 to 7, and colours of the names. */
export function priorityCells(): DynamicConfigValue[] {
  const options = Object.fromEntries(
    PRIORITIES.flatMap(({ number, name, color }, index) =>
      [number, name].map((value) => [value, { text: name, color, index }]),
    ),
  )
  return [
    { id: 'mappings', value: [{ type: MappingType.ValueToText, options }] },
    { id: 'custom.cellOptions', value: { type: 'color-text' } },
  ]
}

export function linkedCells(...links: readonly Link[]): DynamicConfigValue[] {
  return [{ id: 'links', value: links }]
}

export function unitCells(unit: string): DynamicConfigValue[] {
  return [{ id: 'unit', value: unit }]
}

function linksOnAll(links: readonly Link[]): {
  matcher: { id: string; options: string }
  properties: DynamicConfigValue[]
} {
  return {
    matcher: { id: 'byRegexp', options: '.*' },
    properties: [{ id: 'links', value: links }],
  }
}
