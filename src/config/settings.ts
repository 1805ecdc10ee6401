/**
 * The one table of settings. From it come flags, environment names, file keys, defaults,
 * `--help` and `--print-config`.
 */

export interface Setting<Name extends string = string> {
  readonly name: Name
  readonly placeholder: string
  /** As the user would write it; undefined where absence means something. */
  readonly default: string | undefined
  readonly isList: boolean
  readonly text: string
}

function one<const Name extends string>(
  name: Name,
  placeholder: string,
  text: string,
  standard?: string,
): Setting<Name> {
  return { name, placeholder, default: standard, isList: false, text }
}

function list<const Name extends string>(
  name: Name,
  placeholder: string,
  text: string,
  standard?: string,
): Setting<Name> {
  return { name, placeholder, default: standard, isList: true, text }
}

export const SETTINGS = [
  list(
    'alertmanager-filter',
    'MATCHER',
    'Only alerts that match go to Alertmanager directly; see --loki-filter. May be given several times.',
  ),
  one(
    'alertmanager-max-age',
    'DURATION',
    'Alerts that happened longer ago do not go to Alertmanager directly, such as what a journal holds of the days before a fresh start; they are counted and shipped.',
    '1h',
  ),
  one(
    'alertmanager-min-priority',
    'PRIORITY',
    'Alerts less urgent than this do not go to Alertmanager directly.',
    'Critical',
  ),
  one('alertmanager-password-file', 'FILE', 'File that holds the password of --alertmanager-user.'),
  one(
    'alertmanager-resolve',
    'DURATION',
    'An alert that did not happen again for this long is resolved at Alertmanager. Longer than the alerts of our rules for Prometheus last, so that their end does not let those speak.',
    '20m',
  ),
  one('alertmanager-token-file', 'FILE', 'File that holds a bearer token for Alertmanager.'),
  list(
    'alertmanager-url',
    'URL',
    'Alertmanager to send alerts to directly; name every member of a cluster, not a balancer. None: nothing is sent.',
  ),
  one('alertmanager-user', 'NAME', 'User for basic authentication at Alertmanager.'),
  list(
    'extra-label',
    'LABEL=FIELD',
    'One more label of falco_events, from an output field, such as image=container.image.repository.',
  ),
  list(
    'falco',
    'ADDRESS',
    'Daemon to subscribe to: unix:///path, host:port, dns:host:port for every address of a name, or dir:///path for every *.sock in a directory. May be given several times; none for the HTTP intake alone.',
    'unix:///run/peregrine/peregrine.sock',
  ),
  one('falco-tls-ca', 'FILE', 'Certificate authority of daemons on TCP, PEM.'),
  one('falco-tls-cert', 'FILE', 'Our certificate for daemons on TCP, PEM.'),
  one('falco-tls-key', 'FILE', 'Key of our certificate, PEM.'),
  one('grafana-loki-uid', 'UID', 'Uid of the Loki data source in Grafana, for links.', 'loki'),
  one('grafana-url', 'URL', 'Grafana, for links to Explore on the page and in notifications.'),
  one('hostname', 'NAME', 'Stands in for a host name that a daemon does not send.'),
  one('intake-body-limit', 'SIZE', 'Largest body of one request, unpacked.', '4MiB'),
  one(
    'intake-listen',
    'HOST:PORT',
    "Where Falco's http_output and falcosidekick-like senders may post JSON. None: nowhere.",
  ),
  one('intake-password-file', 'FILE', 'File that holds the password of --intake-user.'),
  one('intake-tls-cert', 'FILE', 'Certificate of the intake, PEM. None: plain HTTP.'),
  one(
    'intake-tls-client-ca',
    'FILE',
    'Certificate authority, PEM: senders at the intake must show a certificate that it signed.',
  ),
  one('intake-tls-key', 'FILE', 'Key of the certificate of the intake, PEM.'),
  one('intake-token-file', 'FILE', 'File that holds the bearer token that senders must show.'),
  one('intake-user', 'NAME', 'User whom senders must name by basic authentication.'),
  one(
    'listen',
    'HOST:PORT',
    'Where /metrics, /healthz, /readyz and the page are served.',
    '127.0.0.1:9376',
  ),
  one('log-level', 'LEVEL', 'One of debug, info, warn, error.', 'info'),
  list(
    'loki-filter',
    'MATCHER',
    'Only alerts that match go to Loki: FIELD=VALUE, FIELD!=VALUE, FIELD=~REGEX or FIELD!~REGEX, where FIELD is rule, priority, source, hostname, tags, output or an output field. May be given several times; all must match.',
  ),
  list('loki-header', 'NAME=VALUE', 'One more header of each push; no place for secrets.'),
  one('loki-min-priority', 'PRIORITY', 'Alerts less urgent than this do not go to Loki.', 'Debug'),
  list(
    'loki-namespace-tenant',
    'NAMESPACE=TENANT',
    'Alerts of pods in this namespace go to this tenant. May be given several times.',
  ),
  one('loki-password-file', 'FILE', 'File that holds the password for --loki-user.'),
  one(
    'loki-streams',
    'COUNT',
    'Most log streams in use at Loki within half an hour; above it, pods and then hosts become structured metadata.',
    '2000',
  ),
  one('loki-tenant', 'ID', "Loki's tenant (X-Scope-OrgID)."),
  one('loki-tls-ca', 'FILE', 'Certificate authority of Loki, PEM, where it is none of the known.'),
  one('loki-tls-cert', 'FILE', 'Our certificate for Loki, PEM.'),
  one('loki-tls-key', 'FILE', 'Key of our certificate for Loki, PEM.'),
  one('loki-token-file', 'FILE', 'File that holds a bearer token for Loki.'),
  one(
    'loki-url',
    'URL',
    'Loki to ship to, such as http://127.0.0.1:3100. None: nothing is shipped.',
  ),
  one('loki-user', 'NAME', 'User for basic authentication at Loki.'),
  one(
    'loki-window',
    'DURATION',
    'Times further back are moved up to it, with the true time in event_time: Loki refuses entries older than its reject_old_samples_max_age.',
    '6d',
  ),
  one('outbox-age', 'DURATION', 'Entries that Loki did not take for this long are given up.', '7d'),
  one(
    'outbox-size',
    'SIZE',
    'Bytes on disk for what Loki has not taken yet; entries are packed there, to about a tenth.',
    '256MiB',
  ),
  one('page', 'on|off', 'Serve the page with the live alerts.', 'on'),
  one(
    'pod-name-from',
    'SOURCE',
    'kubernetes, or container: without Kubernetes, let k8s_pod_name be the name of the container.',
    'kubernetes',
  ),
  one(
    'priority-label',
    'number|name',
    "The label priority of falco_events: 0 (emergency) to 7 (debug) as falco-exporter has it, or Falco's name.",
    'number',
  ),
  one(
    'series-budget',
    'COUNT',
    'Most series of falco_events; more fold into overflow series.',
    '20000',
  ),
  list('series-filter', 'MATCHER', 'Only alerts that match are counted; see --loki-filter.'),
  one(
    'series-idle',
    'DURATION',
    'A series without an alert for this long leaves /metrics; its count is kept and goes on when it comes back.',
    '24h',
  ),
  one('series-min-priority', 'PRIORITY', 'Alerts less urgent than this are not counted.', 'Debug'),
  one(
    'state-dir',
    'DIRECTORY',
    'Counts, positions and outbox. :temporary: for a directory that goes with the process.',
    '/var/lib/peregrine-exporter',
  ),
  list(
    'static-label',
    'LABEL=VALUE',
    'One more label of falco_events, the same on all series, and structured metadata of each log line.',
  ),
  one(
    'web-config-file',
    'FILE',
    "TLS and basic authentication of --listen, in Prometheus' web configuration format.",
  ),
] as const satisfies readonly Setting[]

export type SettingName = (typeof SETTINGS)[number]['name']

export function toEnvironmentName(name: string): string {
  return `PEREGRINE_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Flags that are no settings. */
export const ACTIONS = ['help', 'version', 'print-config', 'healthcheck'] as const
export type Action = (typeof ACTIONS)[number]
