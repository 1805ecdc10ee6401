/** Health: is anything lost, late, full or away between the kernel and the log lines. */
import {
  DashboardBuilder,
  RowBuilder,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { BAD, CAREFUL, GOOD, TAG, UIDS } from './config.js'
import { amongDashboards } from './links.js'
import { inWords, overTimePanel, stat, steps, table, unitCells } from './panels.js'
import { growth, now, overTime, rows } from './queries.js'
import { lokiVariable, nodeVariables, prometheusVariable } from './variables.js'

const OF = 'cluster=~"$cluster",instance=~"$exporter"'
const FINE = 'Nothing to report in this range'

const SMALL = { width: 4, height: 4 }
const HALF = { width: 12, height: 8 }

function rate(metric: string, by: string): string {
  return `sum by (${by}) (rate(${metric}{${OF}}[$__rate_interval]))`
}

function percentile(histogram: string): string {
  return `histogram_quantile(0.99, ${rate(`${histogram}_bucket`, 'instance, le')})`
}

export function health(): Dashboard {
  const builder = new DashboardBuilder('Peregrine / Health')
    .uid(UIDS.health)
    .description('Whether anything is lost, late, full or away between kernel and log line.')
    .tags([TAG])
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .readonly()
    .link(amongDashboards())
    .variables([prometheusVariable(), lokiVariable(), ...nodeVariables()])

    .withPanel(
      stat({
        ...SMALL,
        title: 'Daemons connected',
        description:
          'Daemons that an exporter is subscribed to now. Runbook: docs/runbooks/PeregrineNotConnected.md',
        target: now(`sum(peregrine_subscribe_connected{${OF}}) or vector(0)`),
        steps: steps(BAD, [1, GOOD]),
      }),
    )
    .withPanel(
      stat({
        ...SMALL,
        title: 'Daemons away',
        description:
          'Daemons that an exporter should be subscribed to and is not. Runbook: docs/runbooks/PeregrineNotConnected.md',
        target: now(`sum(1 - peregrine_subscribe_connected{${OF}}) or vector(0)`),
        steps: steps(GOOD, [1, BAD]),
        mappings: inWords({ 0: 'none' }),
      }),
    )
    .withPanel(
      stat({
        ...SMALL,
        title: 'Events lost in the kernel',
        description:
          'Events that found their ring buffer full in the range; a rule may have missed its event. Runbook: docs/runbooks/PeregrineCaptureLoss.md',
        target: now(
          `round(sum${growth(`peregrined_capture_events_lost_total{${OF}}`)}) or vector(0)`,
        ),
        steps: steps(GOOD, [1, BAD]),
        mappings: inWords({ 0: 'none' }),
      }),
    )
    .withPanel(
      stat({
        ...SMALL,
        title: 'Alerts missing or dropped',
        description:
          'Alerts known to be missing on the way to the exporter, in the range. Runbook: docs/runbooks/PeregrineAlertsMissing.md',
        target: now(
          `round(sum${growth(`peregrine_alerts_missed_total{${OF}}`)} + sum${growth(`peregrine_subscribe_alerts_dropped_total{${OF}}`)}) or vector(0)`,
        ),
        steps: steps(GOOD, [1, BAD]),
        mappings: inWords({ 0: 'none' }),
      }),
    )
    .withPanel(
      stat({
        ...SMALL,
        title: 'Budget of series used',
        description:
          'Fullest exporter: part of --series-budget that falco_events takes. At 100 % new pods fold into overflow series. Runbook: docs/runbooks/PeregrineSeriesOverflow.md',
        target: now(`max(peregrine_series_used{${OF}} / peregrine_series_budget{${OF}})`),
        unit: 'percentunit',
        decimals: 1,
        steps: steps(GOOD, [0.8, CAREFUL], [1, BAD]),
      }),
    )
    .withPanel(
      stat({
        ...SMALL,
        title: 'Loki is behind by',
        description:
          'Age of the oldest log line that Loki has not taken. Not known where nothing is shipped. Runbook: docs/runbooks/PeregrineLokiRefuses.md',
        target: now(`max(peregrine_ship_lag_seconds{${OF}})`),
        unit: 's',
        steps: steps(GOOD, [60, CAREFUL], [600, BAD]),
        noValue: 'no Loki',
      }),
    )

    .withRow(new RowBuilder('Capture (peregrined)'))
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Events per second',
        description: 'Events out of the kernel, those that a rule asks for, and alerts.',
        targets: [
          overTime(rate('peregrined_capture_events_total', 'hostname'), '{{hostname}} captured'),
          overTime(
            rate('peregrined_rules_events_judged_total', 'hostname'),
            '{{hostname}} judged',
            'B',
          ),
          overTime(rate('peregrined_rules_alerts_total', 'hostname'), '{{hostname}} alerts', 'C'),
        ],
        unit: 'eps',
        noValue: 'No daemon is connected',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Lost events per second, by lane',
        description:
          'Each event that found its ring buffer full is counted, and announced among the alerts. Runbook: docs/runbooks/PeregrineCaptureLoss.md',
        targets: [
          overTime(
            rate('peregrined_capture_events_lost_total', 'hostname, lane'),
            '{{hostname}} {{lane}}',
          ),
        ],
        unit: 'eps',
        noValue: FINE,
        steps: steps(GOOD, [0.001, BAD]),
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Processes known',
        description: 'What the daemon remembers of processes; its number and bytes are bounded.',
        targets: [
          overTime(
            `max by (hostname) (peregrined_world_processes{${OF}})`,
            '{{hostname}} processes',
          ),
        ],
        noValue: 'No daemon is connected',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Journal',
        description: 'Size on disk of the journal from which alerts are served.',
        targets: [
          overTime(`max by (hostname) (peregrined_journal_file_bytes{${OF}})`, '{{hostname}}'),
        ],
        unit: 'bytes',
        noValue: 'No daemon is connected',
      }),
    )

    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Runtimes that are asked for names',
        description:
          '1 while the runtime of containers tells the daemon its names, 0 while it does not; the usual places that a node does not have stand at 0.',
        targets: [
          overTime(
            `max by (hostname, runtime, socket) (peregrined_identity_runtime_connected{${OF}})`,
            '{{hostname}} {{runtime}} {{socket}}',
          ),
        ],
        noValue: 'No daemon is connected',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Alerts without the names of their container',
        description:
          'Alerts a second that say `incomplete`, since no runtime knew the container in time, and events that wait for a name.',
        targets: [
          overTime(
            rate('peregrined_identity_incomplete_alerts_total', 'hostname'),
            '{{hostname}} incomplete',
          ),
          overTime(
            `max by (hostname) (peregrined_identity_waiting_events{${OF}})`,
            '{{hostname}} waiting',
            'B',
          ),
        ],
        noValue: 'No daemon is connected',
      }),
    )
    .withPanel(
      table({
        title: 'Rules loaded',
        description:
          'When the rules in force were loaded, and how often new ones were refused in the range. Runbook: docs/runbooks/PeregrineRulesRefused.md',
        width: 24,
        height: 6,
        targets: [
          rows(`1000 * max by (hostname) (peregrined_rules_loaded_timestamp_seconds{${OF}})`),
          rows(
            `round(sum by (hostname) ${growth(`peregrined_rules_reloads_total{result="refused",${OF}}`)})`,
            'B',
          ),
        ],
        noValue: 'No daemon is connected',
        columns: { hostname: 'Node', 'Value #A': 'Loaded', 'Value #B': 'Refused' },
        sortBy: 'Loaded',
        overrides: { Loaded: unitCells('dateTimeFromNow') },
      }),
    )

    .withRow(new RowBuilder('Exporter (peregrine)'))
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Alerts per second',
        description:
          'Received from daemons and counted in falco_events; the difference is notices.',
        targets: [
          overTime(rate('peregrine_subscribe_alerts_received_total', 'daemon'), '{{daemon}} in'),
          overTime(rate('peregrine_alerts_counted_total', 'instance'), '{{instance}} counted', 'B'),
        ],
        unit: 'eps',
        noValue: 'No exporter is scraped',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Behind the daemon',
        description: "Alerts in the daemon's journal that the exporter has not taken yet.",
        targets: [
          overTime(`max by (daemon) (peregrine_subscribe_behind_alerts{${OF}})`, '{{daemon}}'),
        ],
        noValue: 'No exporter is scraped',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Since the daemon was last heard',
        description:
          'A connected daemon is heard at least every few seconds, alerts or not. Runbook: docs/runbooks/PeregrineStreamSilent.md',
        targets: [
          overTime(
            `time() - (peregrine_subscribe_last_message_timestamp_seconds{${OF}} > 0)`,
            '{{daemon}}',
          ),
        ],
        unit: 's',
        noValue: 'No daemon was heard yet',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'From the event to its count (99th percentile)',
        description:
          'From what happened until its alert was counted and kept, of the newest alert of each batch. After a cut, what waited in the journal shows here.',
        targets: [overTime(percentile('peregrine_alerts_delay_seconds'), '{{instance}}')],
        unit: 's',
        noValue: FINE,
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Time to keep a batch (99th percentile)',
        description: 'From planning a commit until it was durable on disk.',
        targets: [overTime(percentile('peregrine_store_commit_duration_seconds'), '{{instance}}')],
        unit: 's',
        noValue: FINE,
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Series of falco_events',
        description: 'Used, and the budget. Runbook: docs/runbooks/PeregrineSeriesOverflow.md',
        targets: [
          overTime(`peregrine_series_used{${OF}}`, '{{instance}} used'),
          overTime(`peregrine_series_budget{${OF}}`, '{{instance}} budget', 'B'),
        ],
        noValue: 'No exporter is scraped',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Alerts that wait to be kept',
        description:
          'Received and not on disk yet; the queue is bounded, and reading waits for it.',
        targets: [overTime(`peregrine_alerts_waiting{${OF}}`, '{{instance}}')],
        noValue: 'No exporter is scraped',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Memory of the exporter',
        description: 'Resident memory.',
        targets: [
          overTime(
            `process_resident_memory_bytes{${OF}} and on (instance) peregrine_build_info`,
            '{{instance}}',
          ),
        ],
        unit: 'bytes',
        noValue: 'No exporter is scraped',
      }),
    )

    .withRow(new RowBuilder('Loki'))
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Pushes to Loki per second, by outcome',
        description: 'Runbook: docs/runbooks/PeregrineLokiRefuses.md',
        targets: [overTime(rate('peregrine_ship_pushes_total', 'outcome'), '{{outcome}}')],
        unit: 'reqps',
        noValue: 'Nothing is shipped to a Loki',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Waiting for Loki',
        description: 'Log lines in the outbox on disk; bounded by --outbox-size and --outbox-age.',
        targets: [overTime(`peregrine_ship_waiting_entries{${OF}}`, '{{instance}}')],
        noValue: 'Nothing is shipped to a Loki',
      }),
    )

    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'Time of a push to Loki (99th percentile)',
        description: 'From sending a batch until Loki answered.',
        targets: [overTime(percentile('peregrine_ship_push_duration_seconds'), '{{instance}}')],
        unit: 's',
        noValue: 'Nothing was shipped in this range',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        title: 'From the count to Loki (99th percentile)',
        description:
          'From counting an alert until Loki had it, of the oldest one of each batch. Runbook: docs/runbooks/PeregrineLokiRefuses.md',
        targets: [overTime(percentile('peregrine_ship_delay_seconds'), '{{instance}}')],
        unit: 's',
        noValue: 'Nothing was shipped in this range',
      }),
    )
    .withPanel(
      overTimePanel({
        ...HALF,
        width: 24,
        title: 'Log lines given up, by reason',
        description:
          'Lines a second that will never be in Loki; they are counted all the same. Runbook: docs/runbooks/PeregrineLogLinesDropped.md',
        targets: [overTime(rate('peregrine_ship_dropped_entries_total', 'reason'), '{{reason}}')],
        unit: 'eps',
        noValue: 'Nothing is shipped to a Loki',
        steps: steps(GOOD, [0.001, BAD]),
      }),
    )

    .withRow(new RowBuilder('Versions'))
    .withPanel(
      table({
        title: 'Exporters',
        description: 'Versions of the exporters, and of the Node that runs them.',
        width: 12,
        height: 6,
        targets: [rows(`peregrine_build_info{${OF}}`)],
        noValue: 'No exporter is scraped',
        columns: { instance: 'Exporter', version: 'Version', node: 'Node.js' },
        sortBy: 'Version',
      }),
    )
    .withPanel(
      table({
        title: 'Daemons',
        description: 'Versions of the daemons that an exporter is connected to.',
        width: 12,
        height: 6,
        targets: [rows(`peregrined_build_info{${OF}}`)],
        noValue: 'No daemon is connected',
        columns: { hostname: 'Node', daemon: 'Daemon', version: 'Version' },
        sortBy: 'Version',
      }),
    )
  return builder.build()
}
