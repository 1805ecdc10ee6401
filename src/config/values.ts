/** Texts to values; undefined for a text that is none. */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1024 ** 2,
  g: 1e9,
  gb: 1e9,
  gib: 1024 ** 3,
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12})\s*([a-zA-Z]*)$/.exec(text) ?? []
  const factor = SIZE_UNITS[unit.toLowerCase()]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const factor = DURATION_UNITS[unit]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

/** What stands in `k8s_pod_name` for a container that is in no pod. */
export type PodNameSource = 'kubernetes' | 'container'

export function parsePodNameSource(text: string): PodNameSource | undefined {
  return text === 'kubernetes' || text === 'container' ? text : undefined
}

export function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export function parseListen(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return undefined
  const host = bracketed ?? plain ?? ''
  return { host: host === '' ? '0.0.0.0' : host, port }
}

/** The push address of a Loki whose base address, or push address, was given. */
export function parseLokiUrl(text: string): URL | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return undefined
  if (!url.pathname.endsWith('/loki/api/v1/push')) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/loki/api/v1/push`
  }
  return url
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export function parseLogLevel(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text)
}

/** An address to which paths are added. */
export function parseBaseUrl(text: string): URL | undefined {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return undefined
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

export function parseSwitch(text: string): boolean | undefined {
  if (text === 'on' || text === 'true') return true
  return text === 'off' || text === 'false' ? false : undefined
}

export function parsePair(text: string): readonly [string, string] | undefined {
  const [, left, right] = /^([^=\s]+)=(\S.*)$/.exec(text) ?? []
  return left === undefined || right === undefined ? undefined : [left, right]
}

/** Headers that we set, or that carry secrets, which belong into files. */
const OWN_HEADERS = /^(?:authorization|content-.*|cookie|host|transfer-encoding|x-scope-orgid)$/i

export function parseHeader(text: string): readonly [string, string] | undefined {
  const pair = parsePair(text)
  if (pair === undefined || OWN_HEADERS.test(pair[0])) return undefined
  return /^[\w!#$%&'*+.^`|~-]+$/.test(pair[0]) && /^[\x20-\x7e]+$/.test(pair[1]) ? pair : undefined
}

/** Prometheus keeps names that begin with two underscores for itself. */
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,63}$/
const TAKEN_LABELS: ReadonlySet<string> = new Set([
  ...['rule', 'priority', 'hostname', 'source', 'tags', 'k8s_ns_name', 'k8s_pod_name'],
])

export function parseLabelValue(text: string): { name: string; value: string } | undefined {
  const [name, value] = parsePair(text) ?? []
  if (name === undefined || value === undefined) return undefined
  return LABEL_NAME.test(name) && !TAKEN_LABELS.has(name) ? { name, value } : undefined
}

export function parseLabelField(text: string): { name: string; field: string } | undefined {
  const pair = parseLabelValue(text)
  return pair === undefined ? undefined : { name: pair.name, field: pair.value }
}
