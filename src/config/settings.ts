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
  standard: string,
): Setting<Name> {
  return { name, placeholder, default: standard, isList: true, text }
}

export const SETTINGS = [
  list(
    'falco',
    'ADDRESS',
    'Daemon to subscribe to: unix:///path or host:port. May be given several times.',
    'unix:///run/peregrine/peregrine.sock',
  ),
  one('falco-tls-ca', 'FILE', 'Certificate authority of daemons on TCP, PEM.'),
  one('falco-tls-cert', 'FILE', 'Our certificate for daemons on TCP, PEM.'),
  one('falco-tls-key', 'FILE', 'Key of our certificate, PEM.'),
  one('hostname', 'NAME', 'Stands in for a host name that a daemon does not send.'),
  one(
    'listen',
    'HOST:PORT',
    'Where /metrics, /healthz, /readyz and the page are served.',
    '127.0.0.1:9376',
  ),
  one('log-level', 'LEVEL', 'One of debug, info, warn, error.', 'info'),
  one('loki-password-file', 'FILE', 'File that holds the password for --loki-user.'),
  one('loki-tenant', 'ID', "Loki's tenant (X-Scope-OrgID)."),
  one(
    'loki-url',
    'URL',
    'Loki to ship to, such as http://127.0.0.1:3100. None: nothing is shipped.',
  ),
  one('loki-user', 'NAME', 'User for basic authentication at Loki.'),
  one('outbox-age', 'DURATION', 'Entries that Loki did not take for this long are given up.', '7d'),
  one('outbox-size', 'SIZE', 'Bytes on disk for what Loki has not taken yet.', '256MiB'),
  one(
    'series-budget',
    'COUNT',
    'Most series of falco_events; more fold into overflow series.',
    '20000',
  ),
  one(
    'state-dir',
    'DIRECTORY',
    'Counts, positions and outbox. :temporary: for a directory that goes with the process.',
    '/var/lib/peregrine-exporter',
  ),
] as const satisfies readonly Setting[]

export type SettingName = (typeof SETTINGS)[number]['name']

export function toEnvironmentName(name: string): string {
  return `PEREGRINE_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Flags that are no settings. */
export const ACTIONS = ['help', 'version', 'print-config'] as const
export type Action = (typeof ACTIONS)[number]
