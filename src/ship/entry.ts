/** From an alert to a Loki entry: `["<ns>","<line>",{structured metadata}]`. */
import { crc32 } from 'node:zlib'
import type { Alert } from '../alert.js'
import { toLabelValue } from '../text.js'
import { NAMESPACE_FIELDS, POD_FIELDS } from '../workload.js'
import { toRfc3339 } from './rfc3339.js'
import type { Placed } from './streams.js'
import type { JsonWriter } from './writer.js'

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

/** Metadata that is the same on every entry, by its name as it is written. */
export type Fixed = ReadonlyMap<string, string>

/** The labels that the user puts on every series are metadata here, so that both are chosen alike. */
export function toFixed(
  labels: readonly { readonly name: string; readonly value: string }[],
): Fixed {
  const own = labels.filter(({ name }) => !OWN_NAMES.has(name))
  return new Map(
    own.map(({ name, value }) => [`,"${name}":`, toLabelValue(value, METADATA_VALUE_LIMIT_BYTES)]),
  )
}

const NONE: Fixed = new Map()

/** `eventId` tells real repetitions from pushes done twice: Loki drops only the latter. */
export function writeEntry(
  writer: JsonWriter,
  alert: Alert,
  placed: Placed,
  eventId: string,
  fixed: Fixed = NONE,
): void {
  const { output } = alert
  writer.raw(`["${placed.timeNanoseconds}",`)
  writer.string(output === '' ? alert.rule : output, LINE_LIMIT_BYTES)
  writer.raw(`,{"detected_level":"${DETECTED_LEVELS[alert.priority] ?? 'info'}","event_id":`)
  writer.string(eventId, 128)
  const put = (name: string, value: string): void => {
    if (value === '') return
    writer.raw(`,"${name}":`)
    writer.string(value, METADATA_VALUE_LIMIT_BYTES)
  }
  put('rule', toLabelValue(alert.rule, METADATA_VALUE_LIMIT_BYTES))
  put('tags', alert.tags.join(','))
  for (const [name, value] of placed.demoted) put(name, value)
  if (placed.isMoved) put('event_time', toRfc3339(alert.timeNanoseconds))
  if (output.length > LINE_LIMIT_BYTES / 3) {
    const bytes = Buffer.byteLength(output)
    if (bytes > LINE_LIMIT_BYTES) put('line_bytes', String(bytes))
  }
  fixed.forEach((value, name) => {
    writer.raw(name)
    writer.string(value, METADATA_VALUE_LIMIT_BYTES)
  })
  writeFields(writer, alert, fixed)
  writer.raw('}]')
}

/** As many as Loki takes; a field that has no room is left out. */
function writeFields(writer: JsonWriter, { fields }: Alert, fixed: Fixed): void {
  let room = METADATA_LIMIT_BYTES
  let pairs = 0
  const put = (field: string, writeValue: () => void): void => {
    const name = toName(field)
    if (name === '' || fixed.has(name) || pairs >= METADATA_PAIRS) return
    const before = writer.length
    writer.raw(name)
    writeValue()
    const bytes = writer.length - before
    if (bytes > room) {
      writer.cut(before)
      return
    }
    room -= bytes
    pairs++
  }
  if (fields.forEachBytes === undefined) {
    fields.forEach((value, field) => {
      put(field, () => {
        writer.string(value, METADATA_VALUE_LIMIT_BYTES)
      })
    })
    return
  }
  fields.forEachBytes((source, start, end, field) => {
    put(field, () => {
      writer.bytes(source, start, end, METADATA_VALUE_LIMIT_BYTES)
    })
  })
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
