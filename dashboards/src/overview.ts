/** Overview: how many, how bad, which rule, where, since when; and whether anybody watches. */
import {
  DashboardBuilder,
  RowBuilder,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  BAD,
  CAREFUL,
  GOOD,
  NEUTRAL,
  PRIORITIES,
  SELECTED,
  SELECTED_LINES,
  TAG,
  UIDS,
  type Priority,
} from './config.js'
import { amongDashboards, toExplore, toInvestigate } from './links.js'
import {
  inWords,
  linkedCells,
  logs,
  overTimePanel,
  priorityCells,
  stat,
  steps,
  table,
  unitCells,
} from './panels.js'
import { detections, growth, lastSeen, lines, now, overTime, rows } from './queries.js'
import { detectionVariables, lokiVariable, prometheusVariable } from './variables.js'

const QUIET = 'Nothing was detected in this range'
const NONE = inWords({ 0: 'none' })

/** Matches the number, and the name where `--priority-label name` is set. */
function count(priorities: readonly Priority[]): string {
  const values = priorities.map(({ number, name }) => `${number}|${name}`).join('|')
  const selector = `falco_events{${SELECTED},priority=~"${values}"}`
  return `round(sum${growth(selector)}) or vector(0)`
}

function countPanel(
  title: string,
  priorities: readonly Priority[],
  color: string,
): ReturnType<typeof stat> {
  const priority = priorities.map(({ number, name }) => `${number}|${name}`)
  return stat({
    title,
    description: 'Detections of these priorities in the chosen range, first events included.',
    width: 4,
    height: 4,
    target: now(count(priorities)),
    steps: steps(GOOD, [1, color]),
    mappings: NONE,
    links: [toInvestigate('Investigate these', { priority: priority.map(encodeURIComponent) })],
  })
}

const LAST = ['Last seen'] as const

/** Rules that had been seen when the range began; what was idle for a day is not shown. */
const BEFORE = `(sum by (rule) (falco_events{${SELECTED}} offset $__range) > 0)`
/** The first time that the gauge showed is the first event's. */
const FIRST_SEEN = `min by (rule, priority) (min_over_time(falco_event_last_seen_timestamp_seconds{${SELECTED}}[$__range]))`

function topTable(
  title: string,
  description: string,
  by: readonly string[],
  names: Readonly<Record<string, string>>,
  overrides: Readonly<Record<string, ReturnType<typeof linkedCells>>>,
): ReturnType<typeof table> {
  return table({
    title,
    description,
    width: 12,
    height: 9,
    targets: [rows(`topk(50, ${detections(by)} > 0)`), rows(lastSeen(by), 'B')],
    noValue: QUIET,
    columns: { ...names, 'Value #A': 'Detections', 'Value #B': LAST[0] },
    sortBy: 'Detections',
    overrides: { ...overrides, [LAST[0]]: unitCells('dateTimeFromNow') },
  })
}

const RULE_LINK = toInvestigate('Investigate this rule', {
  rule: '${__value.raw:percentencode}',
})
const POD_LINKS = [
  toInvestigate('Investigate this pod', { pod: '${__value.raw:percentencode}' }),
  toExplore(
    'Log lines of this pod',
    '{service_name="falco"} | k8s_pod_name=`${__value.raw:percentencode}`',
  ),
]

export function overview(): Dashboard {
  const builder = new DashboardBuilder('Peregrine / Overview')
    .uid(UIDS.overview)
    .description('What was detected: how many, how bad, which rule, where and since when.')
    .tags([TAG])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .readonly()
    .link(amongDashboards())
    .variables([prometheusVariable(), lokiVariable(), ...detectionVariables()])

    .withPanel(countPanel('Emergency, Alert, Critical', PRIORITIES.slice(0, 3), BAD))
    .withPanel(countPanel('Error', PRIORITIES.slice(3, 4), CAREFUL))
    .withPanel(countPanel('Warning', PRIORITIES.slice(4, 5), CAREFUL))
    .withPanel(countPanel('Notice and below', PRIORITIES.slice(5), NEUTRAL))
    .withPanel(
      stat({
        title: 'Against the range before',
        description:
          'Detections in the chosen range less those in a range of the same length before it.',
        width: 4,
        height: 4,
        target: now(
          `(${detections([])} or vector(0)) - (${detections([], ' offset $__range')} or vector(0))`,
        ),
        steps: steps(GOOD, [1, CAREFUL]),
        mappings: inWords({ 0: 'no change' }),
      }),
    )
    .withPanel(
      stat({
        title: 'Who watches',
        description:
          'Daemons that an exporter is connected to now. 0 means that nobody watches: see the Health dashboard and docs/runbooks/PeregrineNotConnected.md.',
        width: 4,
        height: 4,
        target: now('sum(peregrine_subscribe_connected{cluster=~"$cluster"}) or vector(0)'),
        unit: 'suffix:connected',
        steps: steps(BAD, [1, GOOD]),
        mappings: inWords({ 0: 'nobody' }),
      }),
    )

    .withPanel(
      overTimePanel({
        title: 'Detections by priority',
        description:
          'About how many per bar: Prometheus extrapolates to the width of a bar, and the numbers above are exact. A series counts from its first event on, since the exporter shows each scraper a new series once as 0.',
        width: 24,
        height: 8,
        targets: [
          overTime(
            `sum by (priority) (increase(falco_events{${SELECTED}}[$__rate_interval])) > 0`,
            '{{priority}}',
          ),
        ],
        noValue: QUIET,
        isStacked: true,
        isByPriority: true,
      }),
    )

    .withRow(new RowBuilder('What and where'))
    .withPanel(
      topTable(
        'Rules',
        'The rules with the most detections in the range. Click a rule to investigate it.',
        ['rule', 'priority'],
        { rule: 'Rule', priority: 'Priority' },
        { Rule: linkedCells(RULE_LINK), Priority: priorityCells() },
      ),
    )
    .withPanel(
      topTable(
        'Pods',
        'Where it happened. A row without a pod is the node itself, or a container outside of Kubernetes.',
        ['hostname', 'k8s_ns_name', 'k8s_pod_name'],
        { hostname: 'Node', k8s_ns_name: 'Namespace', k8s_pod_name: 'Pod' },
        { Pod: linkedCells(...POD_LINKS) },
      ),
    )
    .withPanel(
      topTable(
        'Namespaces',
        'Detections in the range, by namespace.',
        ['k8s_ns_name'],
        { k8s_ns_name: 'Namespace' },
        {
          Namespace: linkedCells(
            toInvestigate('Investigate this namespace', {
              namespace: '${__value.raw:percentencode}',
            }),
          ),
        },
      ),
    )
    .withPanel(
      topTable(
        'Nodes',
        'Detections in the range, by node.',
        ['hostname'],
        { hostname: 'Node' },
        {
          Node: linkedCells(
            toInvestigate('Investigate this node', { node: '${__value.raw:percentencode}' }),
          ),
        },
      ),
    )

    .withRow(new RowBuilder('New'))
    .withPanel(
      table({
        title: 'Rules that were silent before this range',
        description:
          'Rules with detections in the range and none in the day before it (--series-idle): the first place to look after a release or a break-in.',
        width: 12,
        height: 8,
        targets: [
          rows(`(${detections(['rule', 'priority'])} > 0) unless on (rule) ${BEFORE}`),
          rows(`1000 * ${FIRST_SEEN} unless on (rule) ${BEFORE}`, 'B'),
        ],
        noValue: 'No rule spoke up for the first time',
        columns: {
          rule: 'Rule',
          priority: 'Priority',
          'Value #A': 'Detections',
          'Value #B': 'First seen',
        },
        sortBy: 'First seen',
        overrides: {
          Rule: linkedCells(RULE_LINK),
          Priority: priorityCells(),
          'First seen': unitCells('dateTimeFromNow'),
        },
      }),
    )
    .withPanel(
      logs({
        title: 'Latest log lines',
        description: 'The newest detections with their text. Open one to see every field.',
        width: 12,
        height: 8,
        target: lines(SELECTED_LINES, 50),
      }),
    )
  return builder.build()
}
