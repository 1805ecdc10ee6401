/** Step two for what is reached over HTTP: Loki, Alertmanager, and the intake that others reach. */
import type { Selection } from '../matcher.js'
import { toSelection, type ConfigReader } from './reader.js'
import {
  parseBaseUrl,
  parseCount,
  parseDuration,
  parseHeader,
  parseListen,
  parseLokiUrl,
  parsePair,
  parseSize,
  type ListenAddress,
} from './values.js'

/** How one side shows who it is; secrets are only named by files. */
export type Login =
  | { readonly kind: 'basic'; readonly user: string; readonly passwordFile: string }
  | { readonly kind: 'bearer'; readonly tokenFile: string }

export interface ClientTlsFiles {
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

export interface LokiConfig {
  readonly url: URL
  readonly tenant: string | undefined
  readonly tenantOfNamespace: ReadonlyMap<string, string>
  readonly login: Login | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly tls: ClientTlsFiles
  readonly streams: number
  readonly windowMilliseconds: number
  readonly selection: Selection
}

export interface AlertmanagerConfig {
  readonly urls: readonly URL[]
  readonly login: Login | undefined
  readonly maxAgeMilliseconds: number
  readonly resolveMilliseconds: number
  readonly selection: Selection
}

export interface IntakeConfig {
  readonly listen: ListenAddress
  readonly bodyLimitBytes: number
  readonly login: Login | undefined
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  readonly clientCa: string | undefined
}

type Side = 'alertmanager' | 'intake' | 'loki'

function toLogin(read: ConfigReader, side: Side, errors: string[]): Login | undefined {
  const user = read.text(`${side}-user`)
  const passwordFile = read.text(`${side}-password-file`)
  const tokenFile = read.text(`${side}-token-file`)
  if ((user === undefined) !== (passwordFile === undefined)) {
    errors.push(`--${side}-user and --${side}-password-file are needed together`)
  }
  if (tokenFile !== undefined) {
    if (user !== undefined)
      errors.push(`--${side}-token-file and --${side}-user exclude each other`)
    return { kind: 'bearer', tokenFile }
  }
  if (user === undefined || passwordFile === undefined) return undefined
  return { kind: 'basic', user, passwordFile }
}

/** Settings of a target that is not there are mistakes, not decoration. */
function refuseOrphans(read: ConfigReader, side: Side, errors: string[]): void {
  const base = side === 'intake' ? 'intake-listen' : `${side}-url`
  if (read.text(side === 'intake' ? 'intake-listen' : `${side}-url`) !== undefined) return
  const names = [`${side}-user`, `${side}-password-file`, `${side}-token-file`] as const
  const lokis = ['loki-tenant', 'loki-tls-ca', 'loki-tls-cert', 'loki-header'] as const
  const intakes = ['intake-tls-cert', 'intake-tls-client-ca'] as const
  const all = [...names, ...(side === 'loki' ? lokis : []), ...(side === 'intake' ? intakes : [])]
  const orphan = all.find((name) => read.text(name) !== undefined)
  if (orphan !== undefined) errors.push(`--${orphan} means nothing without --${base}`)
}

const URL_WANTED = 'an http:// or https:// address without user and password'

export function toLoki(read: ConfigReader, errors: string[]): LokiConfig | undefined {
  const url = read.one('loki-url', parseLokiUrl, URL_WANTED)
  const login = toLogin(read, 'loki', errors)
  refuseOrphans(read, 'loki', errors)
  const streams = read.one('loki-streams', parseCount, 'a number above 0')
  const window = read.one('loki-window', parseDuration, 'a duration, such as 6d')
  const selection = toSelection(read, 'loki')
  const header = 'NAME=VALUE, and none that carries a secret or that we set ourselves'
  const headers = new Map(read.all('loki-header', parseHeader, header))
  const tenants = read.all('loki-namespace-tenant', parsePair, 'NAMESPACE=TENANT')
  const certificate = read.text('loki-tls-cert')
  const key = read.text('loki-tls-key')
  if ((certificate === undefined) !== (key === undefined)) {
    errors.push('--loki-tls-cert and --loki-tls-key are needed together')
  }
  if (url === undefined || streams === undefined || window === undefined) return undefined
  return {
    url,
    tenant: read.text('loki-tenant'),
    tenantOfNamespace: new Map(tenants),
    login,
    headers,
    tls: { ca: read.text('loki-tls-ca'), certificate, key },
    streams,
    windowMilliseconds: window,
    selection,
  }
}

export function toAlertmanager(
  read: ConfigReader,
  errors: string[],
): AlertmanagerConfig | undefined {
  const urls = read.all('alertmanager-url', parseBaseUrl, URL_WANTED)
  const login = toLogin(read, 'alertmanager', errors)
  refuseOrphans(read, 'alertmanager', errors)
  const resolve = read.one('alertmanager-resolve', parseDuration, 'a duration, such as 5m')
  const maxAge = read.one('alertmanager-max-age', parseDuration, 'a duration, such as 1h')
  const selection = toSelection(read, 'alertmanager')
  if (urls.length === 0 || resolve === undefined || maxAge === undefined) return undefined
  return { urls, login, resolveMilliseconds: resolve, maxAgeMilliseconds: maxAge, selection }
}

export function toIntake(read: ConfigReader, errors: string[]): IntakeConfig | undefined {
  const listen = read.one('intake-listen', parseListen, 'host:port, such as 0.0.0.0:2801')
  const bodyLimitBytes = read.one('intake-body-limit', parseSize, 'a size, such as 4MiB')
  const login = toLogin(read, 'intake', errors)
  refuseOrphans(read, 'intake', errors)
  const certificate = read.text('intake-tls-cert')
  const key = read.text('intake-tls-key')
  const clientCa = read.text('intake-tls-client-ca')
  if ((certificate === undefined) !== (key === undefined)) {
    errors.push('--intake-tls-cert and --intake-tls-key are needed together')
  }
  if (clientCa !== undefined && certificate === undefined) {
    errors.push('--intake-tls-client-ca needs --intake-tls-cert and --intake-tls-key')
  }
  if (listen === undefined || bodyLimitBytes === undefined) return undefined
  const tls = certificate === undefined || key === undefined ? undefined : { certificate, key }
  return { listen, bodyLimitBytes, login, tls, clientCa }
}
