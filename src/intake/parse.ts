/**
 * JSON bodies to alerts: one object, an array of objects, or one object a line.
 *
 * The shape is that of Falco's JSON output, which falcosidekick's senders share. What is absent
 * or of the wrong type stays absent; what makes no alert is a value that says why.
 */
import { toAlert, type Alert, type Invalid, type InvalidReason, type RawAlert } from '../alert.js'
import { parsePriority } from '../matcher.js'
import { toPrintable } from '../text.js'

const SAMPLE_LIMIT_BYTES = 500
/** Deeper or longer values than this are no field of a rule's output. */
const FIELDS_LIMIT = 1_000

export interface ParseOptions {
  readonly fallbackHostname: string
  /** Stands in for a time that is absent. */
  readonly nowMilliseconds: number
}

export function parseAlerts(body: string, options: ParseOptions): readonly (Alert | Invalid)[] {
  // Some senders begin with a mark that JSON does not know.
  const text = body.startsWith('\ufeff') ? body.slice(1) : body
  const whole = parseJson(text)
  if (whole === undefined) return parseLines(text, options)
  const all: readonly unknown[] = Array.isArray(whole.value) ? whole.value : [whole.value]
  return all.map((value) => toAlertOf(value, options))
}

/** One object a line, as many log shippers post. */
function parseLines(text: string, options: ParseOptions): readonly (Alert | Invalid)[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length < 2) return [invalid('not_json', text)]
  return lines.map((line) => {
    const parsed = parseJson(line)
    return parsed === undefined ? invalid('not_json', line) : toAlertOf(parsed.value, options)
  })
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return { value }
  } catch {
    return undefined
  }
}

function invalid(reason: InvalidReason, text: string): Invalid {
  const sample = toPrintable(text.slice(0, SAMPLE_LIMIT_BYTES), SAMPLE_LIMIT_BYTES)
  return { kind: 'invalid', reason, position: undefined, sample }
}

function toAlertOf(value: unknown, options: ParseOptions): Alert | Invalid {
  const object = toObject(value)
  if (object === undefined) return invalid('not_an_object', toJson(value))
  const fields = toFields(object.output_fields)
  const time = toTime(object.time, fields, options.nowMilliseconds)
  const raw: RawAlert = {
    timeSeconds: time === undefined ? -1 : Number(time / 1_000_000_000n),
    timeNanos: time === undefined ? 0 : Number(time % 1_000_000_000n),
    priority: toPriority(object.priority),
    rule: toText(object.rule),
    output: toText(object.output),
    fields,
    hostname: toText(object.hostname),
    tags: Array.isArray(object.tags) ? object.tags.map(toText).filter((tag) => tag !== '') : [],
    // Falco leaves it out of its own notices' forerunners; an alert without is a system call's.
    source: toText(object.source) || 'syscall',
    position: undefined,
    gap: undefined,
  }
  return toAlert(raw, options.fallbackHostname)
}

function toObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isObject(value) ? value : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is nested deeper than the stack is nobody's field; it is said, not dropped. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return '(nested too deeply)'
  }
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

function toPriority(value: unknown): number {
  return parsePriority(toText(value).trim()) ?? -1
}

/** Values as Falco's gRPC interface would have them: text; null, `<NA>` and empty are absent. */
function toFields(value: unknown): Map<string, string> {
  const fields = new Map<string, string>()
  const object = toObject(value) ?? {}
  for (const name of Object.keys(object)) {
    if (fields.size >= FIELDS_LIMIT) break
    const field = object[name]
    const text = typeof field === 'object' && field !== null ? toJson(field) : toText(field)
    if (text !== '' && text !== 'null' && text !== '<NA>') fields.set(name, text)
  }
  return fields
}

const RFC3339 =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,12}))?([Zz]|[+-]\d{2}:?\d{2})?$/

/** Nanoseconds since the epoch; undefined of a time that is none. */
function toTime(
  value: unknown,
  fields: ReadonlyMap<string, string>,
  nowMilliseconds: number,
): bigint | undefined {
  if (typeof value === 'string' && value !== '') {
    const [, date = '', clock = '', fraction = '', zone = 'Z'] = RFC3339.exec(value) ?? []
    const milliseconds = Date.parse(`${date}T${clock}${zone.toUpperCase()}`)
    if (Number.isNaN(milliseconds)) return undefined
    return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9) || '0')
  }
  const stamp = fields.get('evt.time') ?? fields.get('evt.rawtime') ?? ''
  if (/^\d{15,20}$/.test(stamp)) return BigInt(stamp)
  return BigInt(nowMilliseconds) * 1_000_000n
}
