/** Step two: defaults put in, each text made a value, conflicts refused. */
import { parseDaemonAddress, type DaemonAddress } from '../subscribe/index.js'
import type { Given } from './given.js'
import { SETTINGS, type SettingName } from './settings.js'
import {
  parseCount,
  parseDuration,
  parseListen,
  parseLogLevel,
  parseLokiUrl,
  parseSize,
  type ListenAddress,
  type LogLevel,
} from './values.js'

export interface TlsFiles {
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

export interface LokiConfig {
  readonly url: URL
  readonly tenant: string | undefined
  readonly login: { readonly user: string; readonly passwordFile: string } | undefined
}

export interface Config {
  readonly daemons: readonly DaemonAddress[]
  readonly tls: TlsFiles | undefined
  readonly hostname: string
  readonly listen: ListenAddress
  readonly logLevel: LogLevel
  readonly loki: LokiConfig | undefined
  readonly outboxAgeMilliseconds: number
  readonly outboxBytes: number
  readonly seriesBudget: number
  readonly stateDirectory: string
}

/** The configuration, if `given.errors` is empty afterwards. */
export function resolve(given: Given, nodeName: string): Config | undefined {
  const read = createReader(given)
  const daemons = read.all('falco', parseDaemonAddress, 'unix:///path or host:port')
  const listen = read.one('listen', parseListen, 'host:port, such as 127.0.0.1:9376')
  const logLevel = read.one('log-level', parseLogLevel, 'one of debug, info, warn, error')
  const outboxAge = read.one('outbox-age', parseDuration, 'a duration, such as 12h or 7d')
  const outboxBytes = read.one('outbox-size', parseSize, 'a size, such as 256MiB')
  const seriesBudget = read.one('series-budget', parseCount, 'a number above 0')
  const stateDirectory = read.text('state-dir')
  const tls = toTls(read, daemons, given.errors)
  const loki = toLoki(read, given.errors)
  if (given.errors.length > 0) return undefined
  if (listen === undefined || logLevel === undefined || outboxAge === undefined) return undefined
  if (outboxBytes === undefined || seriesBudget === undefined) return undefined
  return {
    daemons,
    tls,
    hostname: read.text('hostname') ?? nodeName,
    listen,
    logLevel,
    loki,
    outboxAgeMilliseconds: outboxAge,
    outboxBytes,
    seriesBudget,
    stateDirectory: stateDirectory ?? '',
  }
}

interface ConfigReader {
  text(name: SettingName): string | undefined
  one<T>(name: SettingName, parse: Parse<T>, wanted: string): T | undefined
  all<T>(name: SettingName, parse: Parse<T>, wanted: string): readonly T[]
}
type Parse<T> = (text: string) => T | undefined

function createReader(given: Given): ConfigReader {
  const textsOf = (name: SettingName): { texts: readonly string[]; origin: string } => {
    const standard = SETTINGS.find((setting) => setting.name === name)?.default
    const texts = standard === undefined ? [] : [standard]
    return given.values.get(name) ?? { texts, origin: `default of ${name}` }
  }
  function all<T>(name: SettingName, parse: Parse<T>, wanted: string): readonly T[] {
    const { texts, origin } = textsOf(name)
    return texts.flatMap((text) => {
      const value = parse(text)
      if (value !== undefined) return [value]
      given.errors.push(`${origin}: "${text}" is not ${wanted}`)
      return []
    })
  }
  return {
    all,
    one: (name, parse, wanted) => all(name, parse, wanted)[0],
    text: (name) => textsOf(name).texts.at(-1),
  }
}

function toTls(
  read: ConfigReader,
  daemons: readonly DaemonAddress[],
  errors: string[],
): TlsFiles | undefined {
  const ca = read.text('falco-tls-ca')
  const certificate = read.text('falco-tls-cert')
  const key = read.text('falco-tls-key')
  if (ca !== undefined && certificate !== undefined && key !== undefined) {
    return { ca, certificate, key }
  }
  const tcp = daemons.find(({ kind }) => kind === 'tcp')
  const some = ca ?? certificate ?? key
  if (tcp !== undefined || some !== undefined) {
    const why = tcp === undefined ? 'TLS' : `daemon ${tcp.name} is reached over TCP, which`
    errors.push(`${why} needs --falco-tls-ca, --falco-tls-cert and --falco-tls-key together`)
  }
  return undefined
}

function toLoki(read: ConfigReader, errors: string[]): LokiConfig | undefined {
  const wanted = 'an http:// or https:// address without user and password'
  const url = read.one('loki-url', parseLokiUrl, wanted)
  const user = read.text('loki-user')
  const passwordFile = read.text('loki-password-file')
  if ((user === undefined) !== (passwordFile === undefined)) {
    errors.push('--loki-user and --loki-password-file are needed together')
  }
  const extra = read.text('loki-tenant') ?? user
  if (url === undefined) {
    if (extra !== undefined && read.text('loki-url') === undefined) {
      errors.push('--loki-tenant and --loki-user mean nothing without --loki-url')
    }
    return undefined
  }
  const login =
    user === undefined || passwordFile === undefined ? undefined : { user, passwordFile }
  return { url, tenant: read.text('loki-tenant'), login }
}
