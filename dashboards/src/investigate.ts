/** Investigate: one pod, rule or node: what happened when, every field, who started it. */
import {
  DashboardBuilder,
  RowBuilder,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { SELECTED, SELECTED_LINES, TAG, UIDS } from './config.js'
import { amongDashboards, toExplore } from './links.js'
import { linkedCells, logs, overTimePanel, table, text, unitCells } from './panels.js'
import { detections, lastSeen, lines, linesOverTime, overTime, rows } from './queries.js'
import { detectionVariables, lokiVariable, prometheusVariable, textVariable } from './variables.js'

const QUIET = 'Nothing was detected here in this range'

const FOUND = SELECTED_LINES.replace('}', '} |~ `(?i)${text:regex}`')

/** Oldest ancestor first. A rule's output decides which of the fields there are. */
const LINEAGE = [
  '{{if .proc_aname_3}}{{.proc_aname_3}} → {{end}}',
  '{{if .proc_aname_2}}{{.proc_aname_2}} → {{end}}',
  '{{if .proc_pcmdline}}{{.proc_pcmdline}} → {{else if .proc_pname}}{{.proc_pname}} → {{end}}',
  '{{if .proc_cmdline}}{{.proc_cmdline}}{{else}}{{.proc_name}}{{end}}',
  '{{if .user_name}}   (user {{.user_name}}){{end}}',
].join('')

export function investigate(): Dashboard {
  const by = ['rule', 'hostname', 'k8s_ns_name', 'k8s_pod_name']
  const builder = new DashboardBuilder('Peregrine / Investigate')
    .uid(UIDS.investigate)
    .description('One pod, rule or node: what happened when, every field, the log lines.')
    .tags([TAG])
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .readonly()
    .link(amongDashboards())
    .variables([prometheusVariable(), lokiVariable(), ...detectionVariables(), textVariable()])

    .withPanel(
      text(
        'Choose a **pod**, **rule** or **node** above. Metrics count every detection; log lines hold the text and all fields of each. The pod of a host process is empty.',
        { title: '', description: 'How to use this dashboard.', width: 24, height: 2 },
      ),
    )
    .withPanel(
      overTimePanel({
        title: 'Timeline by rule, from metrics',
        description: 'Detections per bar, by rule. Click a bar for its log lines in Explore.',
        width: 12,
        height: 8,
        targets: [
          overTime(
            `sum by (rule) (increase(falco_events{${SELECTED}}[$__rate_interval])) > 0`,
            '{{rule}}',
          ),
        ],
        noValue: QUIET,
        isStacked: true,
        links: [
          toExplore(
            'Log lines of this rule',
            '{service_name="falco"} | rule=`${__field.labels.rule:percentencode}`',
          ),
        ],
      }),
    )
    .withPanel(
      overTimePanel({
        title: 'Timeline by rule, from log lines',
        description:
          'The same out of Loki: exact to the event. If it falls behind the metrics, Loki is behind or refuses; see Health.',
        width: 12,
        height: 8,
        targets: [linesOverTime(`sum by (rule) (count_over_time(${FOUND} [$__auto]))`, '{{rule}}')],
        noValue: QUIET,
        isStacked: true,
        fromLoki: true,
      }),
    )
    .withPanel(
      table({
        title: 'What happened where',
        description: 'Detections in the range by rule and place, newest first.',
        width: 24,
        height: 8,
        targets: [rows(`${detections(by)} > 0`), rows(lastSeen(by), 'B')],
        noValue: QUIET,
        columns: {
          rule: 'Rule',
          hostname: 'Node',
          k8s_ns_name: 'Namespace',
          k8s_pod_name: 'Pod',
          'Value #A': 'Detections',
          'Value #B': 'Last seen',
        },
        sortBy: 'Last seen',
        overrides: {
          'Last seen': unitCells('dateTimeFromNow'),
          Rule: linkedCells(
            toExplore(
              'Log lines of this rule',
              '{service_name="falco"} | rule=`${__value.raw:percentencode}`',
            ),
          ),
          Pod: linkedCells(
            toExplore(
              'Log lines of this pod',
              '{service_name="falco"} | k8s_pod_name=`${__value.raw:percentencode}`',
            ),
          ),
        },
      }),
    )

    .withRow(new RowBuilder('Log lines'))
    .withPanel(
      logs({
        title: 'Log lines',
        description: 'Each detection with its text. Open one for all fields and to filter by them.',
        width: 24,
        height: 12,
        target: lines(FOUND, 500),
      }),
    )
    .withPanel(
      logs({
        title: 'Who started it',
        description:
          'Ancestors, oldest first, then the command. Which of them there are is decided by the fields in the output of the rule.',
        width: 12,
        height: 10,
        target: lines(`${FOUND} | line_format \`${LINEAGE}\``, 500),
      }),
    )
    .withPanel(
      table({
        title: 'Fields of each detection',
        description:
          'All fields of the log lines as columns; hide and filter them in the header of the table.',
        width: 12,
        height: 10,
        targets: [lines(FOUND, 500)],
        noValue: QUIET,
        fromLoki: true,
        transformations: [
          {
            id: 'extractFields',
            options: { source: 'labels', format: 'json', keepTime: false, replace: false },
          },
        ],
        columns: {
          Time: 'Time',
          rule: 'Rule',
          k8s_ns_name: 'Namespace',
          k8s_pod_name: 'Pod',
          container_id: 'Container',
          container_image_repository: 'Image',
          user_name: 'User',
          proc_name: 'Process',
          proc_cmdline: 'Command line',
          proc_pname: 'Parent',
          proc_pcmdline: 'Parent command line',
          proc_exepath: 'Executable',
          fd_name: 'File or connection',
          evt_type: 'System call',
          tags: 'Tags',
        },
        sortBy: 'Time',
      }),
    )
  return builder.build()
}
