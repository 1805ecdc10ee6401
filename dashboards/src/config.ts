/** What the dashboards agree on: names, selectors, colours, thresholds; each with its reason. */

/** The uids stay for ever: links, bookmarks and Grafana's provisioning hold on to them. */
export const UIDS = {
  overview: 'peregrine-overview',
  investigate: 'peregrine-investigate',
  health: 'peregrine-health',
} as const

export const TAG = 'peregrine'

export const PROMETHEUS = { type: 'prometheus', uid: '${datasource}' }
export const LOKI = { type: 'loki', uid: '${loki}' }

/**
 * Number as in `falco_events`, name as in Loki, and a colour of the palettes of Okabe and Ito
 * and of Tol, which people with any colour vision can tell apart; the worst are the warmest.
 */
export const PRIORITIES = [
  { number: '0', name: 'Emergency', color: '#882255' },
  { number: '1', name: 'Alert', color: '#CC6677' },
  { number: '2', name: 'Critical', color: '#D55E00' },
  { number: '3', name: 'Error', color: '#E69F00' },
  { number: '4', name: 'Warning', color: '#F0E442' },
  { number: '5', name: 'Notice', color: '#56B4E9' },
  { number: '6', name: 'Informational', color: '#0072B2' },
  { number: '7', name: 'Debug', color: '#BBBBBB' },
] as const

export type Priority = (typeof PRIORITIES)[number]

export const GOOD = '#009E73'
export const CAREFUL = '#E69F00'
export const BAD = '#D55E00'
export const NEUTRAL = '#0072B2'

/**
 * One value of $priority holds number and name, `2|Critical`, so that one variable serves both
 * Prometheus and Loki; `:pipe` joins several to one regular expression.
 */
const PRIORITY = 'priority=~"${priority:pipe}"'

/** Selects detections; `.*` for All matches series without the label, too. */
export const SELECTED = [
  'cluster=~"$cluster"',
  'hostname=~"$node"',
  'k8s_ns_name=~"$namespace"',
  'k8s_pod_name=~"$pod"',
  'rule=~"$rule"',
  PRIORITY,
].join(',')

/**
 * The same of log lines. A filter behind the selector finds stream labels and structured
 * metadata alike, so the query holds wherever the exporter puts a label. Lines know their cluster
 * by --static-label; those that do not are shown, since it may be Prometheus' external label.
 */
export const SELECTED_LINES = [
  '{service_name="falco"}',
  '(cluster=~"$cluster" or cluster="")',
  'hostname=~"$node"',
  'k8s_ns_name=~"$namespace"',
  'k8s_pod_name=~"$pod"',
  'rule=~"$rule"',
  PRIORITY,
].join(' | ')

export const SELECTED_NODES = 'cluster=~"$cluster",hostname=~"$node"'
