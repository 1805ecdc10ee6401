/**
 * From an alert to a Loki entry: line, log stream labels, structured metadata.
 *
 * Few, bounded labels make log streams; everything else is structured metadata. `hostname` is a
 * label because Loki refuses what lies an hour behind the newest entry *of the same log stream*:
 * a node that catches up must not share one with the others.
 */
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toPrintable } from '../text.js'

export interface Entry {
  /** The log stream's labels as JSON, the same text for the same labels. */
  readonly labels: string
  readonly timeNanoseconds: bigint
  readonly line: string
  readonly metadata: Readonly<Record<string, string>>
}

/** Loki refuses lines over 256 KB; bytes outside ASCII grow no further than this on the way. */
const LINE_LIMIT_BYTES = 200_000
const LABEL_LIMIT_BYTES = 256
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

const LABEL_FIELDS = new Set(['k8s.ns.name', 'k8s.pod.name'])
const OWN_NAMES = new Set([
  'detected_level',
  'event_id',
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

/** `eventId` tells real repetitions from pushes done twice: Loki drops only the latter. */
export function toEntry(alert: Alert, eventId: string): Entry {
  return {
    labels: toLabels(alert),
    timeNanoseconds: alert.timeNanoseconds,
    line: toPrintable(alert.output, LINE_LIMIT_BYTES),
    metadata: toMetadata(alert, eventId),
  }
}

function toLabels(alert: Alert): string {
  const labels: Record<string, string> = { service_name: 'falco' }
  const put = (name: string, value: string): void => {
    if (value !== '') labels[name] = toPrintable(value, LABEL_LIMIT_BYTES)
  }
  put('source', alert.source)
  put('priority', PRIORITY_NAMES[alert.priority])
  put('hostname', alert.hostname)
  put('k8s_ns_name', alert.fields.get('k8s.ns.name') ?? '')
  put('k8s_pod_name', alert.fields.get('k8s.pod.name') ?? '')
  return JSON.stringify(labels)
}

function toMetadata(alert: Alert, eventId: string): Record<string, string> {
  const metadata: Record<string, string> = {
    detected_level: DETECTED_LEVELS[alert.priority] ?? 'info',
    event_id: eventId,
  }
  if (alert.rule !== '') metadata.rule = toPrintable(alert.rule, METADATA_VALUE_LIMIT_BYTES)
  if (alert.tags.length > 0) {
    metadata.tags = toPrintable(alert.tags.join(','), METADATA_VALUE_LIMIT_BYTES)
  }
  if (alert.output.length > LINE_LIMIT_BYTES / 3) {
    const bytes = Buffer.byteLength(alert.output)
    if (bytes > LINE_LIMIT_BYTES) metadata.line_bytes = String(bytes)
  }
  addFields(metadata, alert.fields)
  return metadata
}

function addFields(metadata: Record<string, string>, fields: ReadonlyMap<string, string>): void {
  let room = METADATA_LIMIT_BYTES
  let pairs = 0
  for (const [field, value] of fields) {
    if (LABEL_FIELDS.has(field)) continue
    const name = toName(field)
    const text = toPrintable(value, METADATA_VALUE_LIMIT_BYTES)
    room -= name.length + Buffer.byteLength(text)
    if (++pairs > METADATA_PAIRS || room < 0) return
    metadata[name] = text
  }
}

const names = new Map<string, string>()
/** Field names come from rules, so there are few; a hostile daemon's are not remembered. */
const NAMES_CAPACITY = 2_000

/** `proc.aname[2]` becomes `proc_aname_2`; a name that is ours gets a prefix. */
function toName(field: string): string {
  const known = names.get(field)
  if (known !== undefined) return known
  const plain = field
    .slice(0, 200)
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  const name = OWN_NAMES.has(plain) || !/^[a-zA-Z]/.test(plain) ? `field_${plain}` : plain
  if (names.size < NAMES_CAPACITY) names.set(field, name)
  return name
}
