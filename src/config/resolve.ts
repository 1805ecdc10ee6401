/** Step two: defaults put in, each text made a value, conflicts refused. */
import type { Selection } from '../matcher.js'
import type { LabelConfig } from '../series/index.js'
import { parseDaemonSource, type DaemonSource } from '../subscribe/index.js'
import type { Given } from './given.js'
import { createReader, toSelection, type ConfigReader } from './reader.js'
import {
  toAlertmanager,
  toIntake,
  toLoki,
  type AlertmanagerConfig,
  type IntakeConfig,
  type LokiConfig,
} from './targets.js'
import {
  parseBaseUrl,
  parseCount,
  parseDuration,
  parseLabelField,
  parseLabelValue,
  parseListen,
  parseLogLevel,
  parsePodNameSource,
  parseSize,
  parseSwitch,
  type ListenAddress,
  type LogLevel,
  type PodNameSource,
} from './values.js'

export interface TlsFiles {
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

/** Where links lead. */
export interface GrafanaConfig {
  readonly url: URL
  readonly lokiUid: string
}

export interface Config {
  readonly daemons: readonly DaemonSource[]
  readonly tls: TlsFiles | undefined
  readonly hostname: string
  readonly listen: ListenAddress
  readonly webConfigFile: string | undefined
  readonly page: boolean
  readonly grafana: GrafanaConfig | undefined
  readonly logLevel: LogLevel
  readonly intake: IntakeConfig | undefined
  readonly loki: LokiConfig | undefined
  readonly alertmanager: AlertmanagerConfig | undefined
  readonly outboxAgeMilliseconds: number
  readonly outboxBytes: number
  readonly labels: LabelConfig
  readonly podNameFrom: PodNameSource
  readonly seriesBudget: number
  readonly seriesIdleMilliseconds: number
  readonly seriesSelection: Selection
  readonly stateDirectory: string
}

/** Instead of a daemon's address: no daemon at all. */
const NO_DAEMON = 'none'

/** The configuration, if `given.errors` is empty afterwards. */
export function resolve(given: Given, nodeName: string): Config | undefined {
  const read = createReader(given)
  const daemons = toDaemons(read)
  const listen = read.one('listen', parseListen, 'host:port, such as 127.0.0.1:9376')
  const logLevel = read.one('log-level', parseLogLevel, 'one of debug, info, warn, error')
  const outboxAge = read.one('outbox-age', parseDuration, 'a duration, such as 12h or 7d')
  const outboxBytes = read.one('outbox-size', parseSize, 'a size, such as 256MiB')
  const podNameFrom = read.one('pod-name-from', parsePodNameSource, 'one of kubernetes, container')
  const seriesBudget = read.one('series-budget', parseCount, 'a number above 0')
  const seriesIdle = read.one('series-idle', parseDuration, 'a duration, such as 1h or 24h')
  const stateDirectory = read.text('state-dir')
  const page = read.one('page', parseSwitch, 'on or off')
  const tls = toTls(read, daemons, given.errors)
  const loki = toLoki(read, given.errors)
  const alertmanager = toAlertmanager(read, given.errors)
  const intake = toIntake(read, given.errors)
  const labels = toLabelConfig(read, given.errors)
  const seriesSelection = toSelection(read, 'series')
  const grafana = toGrafana(read)
  if (daemons.length === 0 && intake === undefined && given.errors.length === 0) {
    given.errors.push('--falco none leaves no way in: give an --intake-listen')
  }
  if (given.errors.length > 0) return undefined
  if (listen === undefined || logLevel === undefined || outboxAge === undefined) return undefined
  if (outboxBytes === undefined || seriesBudget === undefined) return undefined
  if (seriesIdle === undefined || page === undefined) return undefined
  if (podNameFrom === undefined) return undefined
  return {
    daemons,
    tls,
    hostname: read.text('hostname') ?? nodeName,
    listen,
    webConfigFile: read.text('web-config-file'),
    page,
    grafana,
    logLevel,
    intake,
    loki,
    alertmanager,
    outboxAgeMilliseconds: outboxAge,
    outboxBytes,
    labels,
    podNameFrom,
    seriesBudget,
    seriesIdleMilliseconds: seriesIdle,
    seriesSelection,
    stateDirectory: stateDirectory ?? '',
  }
}

function toDaemons(read: ConfigReader): readonly DaemonSource[] {
  const wanted = 'unix:///path or host:port'
  const parse = (text: string): DaemonSource | typeof NO_DAEMON | undefined =>
    text === NO_DAEMON ? NO_DAEMON : parseDaemonSource(text)
  return read.all('falco', parse, wanted).filter((source) => source !== NO_DAEMON)
}

function toLabelConfig(read: ConfigReader, errors: string[]): LabelConfig {
  const wanted = 'LABEL=FIELD, such as image=container.image.repository'
  const extra = read.all('extra-label', parseLabelField, wanted)
  const fixed = read.all('static-label', parseLabelValue, 'LABEL=VALUE, such as cluster=west')
  const names = new Set<string>()
  for (const { name } of [...extra, ...fixed]) {
    if (names.has(name)) errors.push(`label ${name} is given twice`)
    names.add(name)
  }
  const priority = read.one(
    'priority-label',
    (text) => (text === 'number' || text === 'name' ? text : undefined),
    'number or name',
  )
  return { extra, fixed, priority: priority ?? 'number' }
}

function toGrafana(read: ConfigReader): GrafanaConfig | undefined {
  const url = read.one('grafana-url', parseBaseUrl, 'an http:// or https:// address')
  return url === undefined ? undefined : { url, lokiUid: read.text('grafana-loki-uid') ?? 'loki' }
}

function toTls(
  read: ConfigReader,
  daemons: readonly DaemonSource[],
  errors: string[],
): TlsFiles | undefined {
  const ca = read.text('falco-tls-ca')
  const certificate = read.text('falco-tls-cert')
  const key = read.text('falco-tls-key')
  if (ca !== undefined && certificate !== undefined && key !== undefined) {
    return { ca, certificate, key }
  }
  const tcp = daemons.find(({ kind }) => kind === 'tcp' || kind === 'dns')
  const some = ca ?? certificate ?? key
  if (tcp !== undefined || some !== undefined) {
    const why = tcp === undefined ? 'TLS' : `daemon ${tcp.name} is reached over TCP, which`
    errors.push(`${why} needs --falco-tls-ca, --falco-tls-cert and --falco-tls-key together`)
  }
  return undefined
}
