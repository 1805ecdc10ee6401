/**
 * From an alert to a Loki entry, rendered: `["<ns>","<line>",{structured metadata}]`.
 *
 * Written as text by hand and not through an object: entries are most of what the exporter
 * does, and nobody looks at the object.
 */
import { crc32 } from 'node:zlib'
import type { Alert } from '../alert.js'
import { toLabelValue, toPrintable } from '../text.js'
import { NAMESPACE_FIELDS, POD_FIELDS } from '../workload.js'
import type { Placed } from './streams.js'

/** Loki refuses lines over 256 KB; bytes outside ASCII grow no further than this on the way. */
const LINE_LIMIT_BYTES = 200_000
/** Loki takes 128 pairs and 64 KB of structured metadata per entry; we stay well inside. */
const METADATA_PAIRS = 100
const METADATA_VALUE_LIMIT_BYTES = 4_096
const METADATA_LIMIT_BYTES = 48_000

/** In the words that Loki and Grafana know; without it Loki would guess from words in the line. */
const DETECTED_LEVELS = [
  'critical',
  'critical',
  'critical',
  'error',
  'warn',
  'info',
  'info',
  'debug',
]

const OWN_NAMES = new Set([
  'detected_level',
  'event_id',
  'event_time',
  'hostname',
  'k8s_ns_name',
  'k8s_pod_name',
  'line_bytes',
  'priority',
  'rule',
  'service_name',
  'source',
  'tags',
])

/** Metadata that is the same on every entry, rendered once; by their rendered names. */
export type Fixed = ReadonlyMap<string, string>

/** The labels that the user puts on every series are metadata here, so that both are chosen alike. */
export function renderFixed(
  labels: readonly { readonly name: string; readonly value: string }[],
): Fixed {
  const own = labels.filter(({ name }) => !OWN_NAMES.has(name))
  return new Map(
    own.map(({ name, value }) => [
      `,"${name}":`,
      quote(toLabelValue(value, METADATA_VALUE_LIMIT_BYTES), METADATA_VALUE_LIMIT_BYTES),
    ]),
  )
}

const NONE: Fixed = new Map()

/** `eventId` tells real repetitions from pushes done twice: Loki drops only the latter. */
export function renderEntry(
  alert: Alert,
  placed: Placed,
  eventId: string,
  fixed: Fixed = NONE,
): string {
  const line = quote(alert.output === '' ? alert.rule : alert.output, LINE_LIMIT_BYTES)
  const metadata = renderMetadata(alert, placed, eventId, fixed)
  return `["${placed.timeNanoseconds}",${line},{${metadata}}]`
}

function renderMetadata(alert: Alert, placed: Placed, eventId: string, fixed: Fixed): string {
  const level = DETECTED_LEVELS[alert.priority] ?? 'info'
  let text = `"detected_level":"${level}","event_id":${quote(eventId, 128)}`
  const put = (name: string, value: string): void => {
    if (value !== '') text += `,"${name}":${quote(value, METADATA_VALUE_LIMIT_BYTES)}`
  }
  put('rule', toLabelValue(alert.rule, METADATA_VALUE_LIMIT_BYTES))
  put('tags', alert.tags.join(','))
  for (const [name, value] of placed.demoted) put(name, value)
  if (placed.isMoved) put('event_time', toRfc3339(alert.timeNanoseconds))
  if (alert.output.length > LINE_LIMIT_BYTES / 3) {
    const bytes = Buffer.byteLength(alert.output)
    if (bytes > LINE_LIMIT_BYTES) put('line_bytes', String(bytes))
  }
  fixed.forEach((value, name) => (text += name + value))
  return text + renderFields(alert, fixed)
}

function renderFields({ fields }: Alert, fixed: Fixed): string {
  let text = ''
  let room = METADATA_LIMIT_BYTES
  let pairs = 0
  fields.forEach((value, field) => {
    const name = toName(field)
    if (name === '' || fixed.has(name) || pairs >= METADATA_PAIRS) return
    const quoted = quote(value, METADATA_VALUE_LIMIT_BYTES)
    // Characters outside ASCII take up to three bytes; most text has none.
    const bytes =
      name.length + (quoted.length > 200 ? Buffer.byteLength(quoted) : 3 * quoted.length)
    if (bytes > room) return
    room -= bytes
    pairs++
    text += name + quoted
  })
  return text
}

/** True of what stands between quotes as it is: no controls, quotes, backslashes, surrogates. */
const NOT_PLAIN = /[\u0000-\u001f"\\\u007f-\u009f\ud800-\udfff]/

function quote(text: string, limitBytes: number): string {
  if (text.length * 3 <= limitBytes && !NOT_PLAIN.test(text)) return `"${text}"`
  return JSON.stringify(toPrintable(text, limitBytes))
}

/** Field names come from rules, so there are few; a hostile daemon's are not remembered. */
const NAMES_CAPACITY = 2_000
/** Empty for what is no metadata. */
const names = new Map<string, string>()
const taken = new Set<string>()

/**
 * `,"proc_aname_2":` for `proc.aname[2]`; a name that is ours gets a prefix, and one that two
 * fields would share gets a mark. Empty for what stands in the labels or in `demoted`.
 */
function toName(field: string): string {
  const known = names.get(field)
  if (known !== undefined) return known
  const isRoom = names.size < NAMES_CAPACITY
  const plain = toPlainName(field)
  const mark = !isRoom || taken.has(plain) ? `_${crc32(field).toString(16)}` : ''
  const name = isPlace(field) ? '' : `,"${plain}${mark}":`
  if (isRoom) {
    names.set(field, name)
    taken.add(plain)
  }
  return name
}

function isPlace(field: string): boolean {
  return NAMESPACE_FIELDS[0] === field || POD_FIELDS[0] === field
}

function toPlainName(field: string): string {
  const plain = field
    .slice(0, 200)
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  return OWN_NAMES.has(plain) || !/^[a-zA-Z]/.test(plain) ? `field_${plain}` : plain
}

/** With nanoseconds; `Date` alone has milliseconds. */
export function toRfc3339(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString()
  const rest = String(nanoseconds % 1_000_000_000n).padStart(9, '0')
  return `${seconds.slice(0, seconds.indexOf('.'))}.${rest}Z`
}
