/**
 * The alert as the exporter knows it, validated once at the border.
 *
 * Daemons send text from processes under attack. Here it becomes well-formed and bounded;
 * behind this file nothing is checked twice.
 */

import { toPrintable } from './text.js'

/** Name and number of each priority, as syslog and Falco's gRPC interface number them. */
export const PRIORITY_NAMES = [
  'Emergency',
  'Alert',
  'Critical',
  'Error',
  'Warning',
  'Notice',
  'Informational',
  'Debug',
] as const

export type Priority = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7

/** A place in one daemon's journal; see proto/falco/outputs.proto. */
export interface Position {
  readonly streamId: string
  readonly sequence: bigint
}

/** A run of alerts that cannot be had any more; both ends inclusive, 0 where unknown. */
export interface Gap {
  readonly firstSequence: bigint
  readonly lastSequence: bigint
  readonly reason: string
}

/** Output fields that have a value; what nobody asks for is never decoded. */
export interface Fields {
  get(name: string): string | undefined
  forEach(visit: (value: string, name: string) => void): void
  /** The same for fields that are not decoded yet: where each value stands, in UTF-8. */
  forEachBytes?(visit: (bytes: Buffer, start: number, end: number, name: string) => void): void
}

export interface Alert {
  /** `notice` where the daemon speaks of itself: shown, shipped, never counted as a detection. */
  readonly kind: 'detection' | 'notice'
  readonly rule: string
  readonly priority: Priority
  readonly hostname: string
  readonly source: string
  readonly tags: readonly string[]
  readonly output: string
  readonly fields: Fields
  readonly timeNanoseconds: bigint
  readonly position: Position | undefined
  readonly gap: Gap | undefined
}

/** What the wire gave, before anything is believed. */
export interface RawAlert {
  readonly timeSeconds: number
  readonly timeNanos: number
  readonly priority: number
  readonly rule: string
  readonly output: string
  readonly fields: Fields
  readonly hostname: string
  readonly tags: readonly string[]
  readonly source: string
  readonly position: Position | undefined
  readonly gap: Gap | undefined
}

export const INVALID_REASONS = [
  'undecodable',
  'not_json',
  'not_an_object',
  'rule_missing',
  'priority_unknown',
  'time_out_of_range',
] as const
export type InvalidReason = (typeof INVALID_REASONS)[number]

export interface Invalid {
  readonly kind: 'invalid'
  readonly reason: InvalidReason
  readonly position: Position | undefined
  /** How it began, for a person who looks for the cause. */
  readonly sample?: string
}

/** Source of what a daemon says about itself. */
const NOTICE_SOURCE = 'internal'

/** A year 9999 in seconds: the end of what a protobuf timestamp may say. */
const LAST_SECOND = 253_402_300_799

/** Validates one alert; `fallbackHostname` stands in where the daemon sent none. */
export function toAlert(raw: RawAlert, fallbackHostname: string): Alert | Invalid {
  const reason = findFault(raw)
  if (reason !== undefined) {
    return { kind: 'invalid', reason, position: raw.position, sample: toSample(raw) }
  }
  return new CheckedAlert(raw, fallbackHostname)
}

/** A class, since output and time of an alert that is only counted are never asked for. */
class CheckedAlert implements Alert {
  readonly kind: Alert['kind']
  readonly rule: string
  readonly priority: Priority
  readonly hostname: string
  readonly source: string
  readonly tags: readonly string[]
  readonly fields: Fields
  readonly position: Position | undefined
  readonly gap: Gap | undefined
  readonly #raw: RawAlert

  constructor(raw: RawAlert, fallbackHostname: string) {
    this.kind = raw.source === NOTICE_SOURCE ? 'notice' : 'detection'
    this.rule = toValue(raw.rule)
    this.priority = toPriority(raw.priority) ?? 7
    this.hostname = toValue(raw.hostname) || fallbackHostname
    this.source = toValue(raw.source)
    this.tags = isInOrder(raw.tags) ? raw.tags : [...new Set(raw.tags)].sort()
    this.fields = raw.fields
    this.position = raw.position
    this.gap = raw.gap
    this.#raw = raw
  }

  get output(): string {
    return this.#raw.output
  }

  get timeNanoseconds(): bigint {
    const { timeSeconds, timeNanos } = this.#raw
    return BigInt(timeSeconds) * 1_000_000_000n + BigInt(timeNanos)
  }
}

/** As daemons send them, each once and sorted. */
function isInOrder(tags: readonly string[]): boolean {
  for (let index = 1; index < tags.length; index++) {
    if ((tags[index - 1] ?? '') >= (tags[index] ?? '')) return false
  }
  return true
}

/** The alert as if each container that is in no pod were one of its name. */
export function withContainerAsPod(alert: Alert): Alert {
  const name = toValue(alert.fields.get('container.name') ?? '')
  const pod = toValue(alert.fields.get('k8s.pod.name') ?? '')
  if (pod !== '' || name === '' || name === 'host') return alert
  const fields = new Map<string, string>()
  alert.fields.forEach((value, field) => fields.set(field, value))
  fields.set('k8s.pod.name', name)
  const { kind, rule, priority, hostname, source, tags, output } = alert
  const { timeNanoseconds, position, gap } = alert
  const same = { kind, rule, priority, hostname, source, tags, output }
  return { ...same, timeNanoseconds, position, gap, fields }
}

/** The value, or empty where a daemon writes "nothing" as text. */
export function toValue(text: string): string {
  return text === 'null' || text === '<NA>' ? '' : text
}

const SAMPLE_LIMIT_BYTES = 500

function toSample({ rule, priority, timeSeconds, output }: RawAlert): string {
  const text = `rule "${rule}", priority ${priority}, time ${timeSeconds}: ${output}`
  return toPrintable(text.slice(0, SAMPLE_LIMIT_BYTES), SAMPLE_LIMIT_BYTES)
}

function findFault(raw: RawAlert): InvalidReason | undefined {
  if (raw.gap === undefined && toValue(raw.rule) === '') return 'rule_missing'
  if (toPriority(raw.priority) === undefined) return 'priority_unknown'
  if (!(raw.timeSeconds >= 0 && raw.timeSeconds <= LAST_SECOND)) return 'time_out_of_range'
  if (raw.timeNanos < 0 || raw.timeNanos > 999_999_999) return 'time_out_of_range'
  return undefined
}

const PRIORITIES: readonly Priority[] = [0, 1, 2, 3, 4, 5, 6, 7]

function toPriority(number: number): Priority | undefined {
  return PRIORITIES[number]
}
