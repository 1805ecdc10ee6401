/**
 * The daemons' self-metrics, passed on under their own names with a `daemon` label in front.
 *
 * They come from the network: names that are not ours to pass on, broken labels and floods are
 * left out, so that no daemon can break a scrape or pose as another metric.
 */
import { escapeValue } from '../series/index.js'
import { toPrintable } from '../text.js'
import type { StatusMetric, SubscriptionHealth } from '../subscribe/index.js'

const NAME = /^peregrined_[a-zA-Z0-9_]{1,100}$/
const LABEL_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/
const VALUE_LIMIT_BYTES = 256
/** Several times what a daemon has. */
const METRICS_PER_DAEMON = 1_000

export function renderDaemonMetrics(subscriptions: readonly SubscriptionHealth[]): string {
  const families = new Map<string, { readonly head: string; readonly lines: Set<string> }>()
  for (const { daemon, status } of subscriptions) {
    if (status === undefined) continue
    const metrics = [buildInfo(status.version), ...status.metrics.slice(0, METRICS_PER_DAEMON)]
    for (const metric of metrics) {
      if (!NAME.test(metric.name)) continue
      const family = families.get(metric.name) ?? { head: toHead(metric), lines: new Set() }
      families.set(metric.name, family)
      const labels = toLabelText(metric, daemon, status.hostname)
      family.lines.add(`${metric.name}${labels} ${toNumber(metric.value)}\n`)
    }
  }
  return Array.from(families.values(), ({ head, lines }) => head + [...lines].join('')).join('')
}

/** The version is beside a daemon's metrics, not among them. */
function buildInfo(version: string): StatusMetric {
  return {
    name: 'peregrined_build_info',
    help: 'Version of the daemon.',
    type: 'gauge',
    labels: new Map([['version', version]]),
    value: 1,
  }
}

function toHead({ name, help, type }: StatusMetric): string {
  const text = toPrintable(help, 500).replaceAll('\\', '\\\\')
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`
}

function toLabelText({ labels }: StatusMetric, daemon: string, hostname: string): string {
  const pairs = [toPair('daemon', daemon), toPair('hostname', hostname)]
  for (const [name, value] of labels) {
    if (LABEL_NAME.test(name) && name !== 'daemon' && name !== 'hostname') {
      pairs.push(toPair(name, value))
    }
  }
  return `{${pairs.join(',')}}`
}

function toPair(name: string, value: string): string {
  return `${name}="${escapeValue(toPrintable(value, VALUE_LIMIT_BYTES))}"`
}

function toNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return String(value)
}
