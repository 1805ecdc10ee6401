/** From an alert to one of Alertmanager's. */
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toExploreLink, type GrafanaLinks } from '../links.js'
import { toLabelValue, toPrintable } from '../text.js'
import { toNamespace, toPod } from '../workload.js'

/** An alert of Alertmanager's API v2, without its times. */
export interface Notification {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly generatorURL: string
}

const LABEL_LIMIT_BYTES = 256
const TEXT_LIMIT_BYTES = 2_000
const FIELD_LIMIT_BYTES = 500
const FIELDS_LIMIT = 30

/** The words that alerting rules use. */
const SEVERITIES = [
  'critical',
  'critical',
  'critical',
  'error',
  'warning',
  'info',
  'info',
  'info',
] as const

export function toNotification(alert: Alert, grafana: GrafanaLinks | undefined): Notification {
  const labels: Record<string, string> = { alertname: 'FalcoEvent', origin: 'peregrine' }
  const put = (name: string, value: string): void => {
    if (value !== '') labels[name] = toLabelValue(value, LABEL_LIMIT_BYTES)
  }
  put('rule', alert.rule)
  put('priority', PRIORITY_NAMES[alert.priority])
  put('severity', SEVERITIES[alert.priority])
  put('source', alert.source)
  put('hostname', alert.hostname)
  put('k8s_ns_name', toNamespace(alert))
  put('k8s_pod_name', toPod(alert))
  return {
    labels,
    annotations: toAnnotations(alert),
    generatorURL: grafana === undefined ? '' : toExploreLink(grafana, alert),
  }
}

function toAnnotations(alert: Alert): Record<string, string> {
  const annotations: Record<string, string> = {
    summary: toPrintable(alert.rule, LABEL_LIMIT_BYTES),
    description: toPrintable(alert.output, TEXT_LIMIT_BYTES),
  }
  if (alert.tags.length > 0) {
    annotations.tags = toPrintable(alert.tags.join(','), FIELD_LIMIT_BYTES)
  }
  let fields = 0
  alert.fields.forEach((value, field) => {
    const name = `field_${field.slice(0, 100).replace(/[^a-zA-Z0-9]+/g, '_')}`
    if (++fields <= FIELDS_LIMIT) annotations[name] = toPrintable(value, FIELD_LIMIT_BYTES)
  })
  return annotations
}

/** The same for the same labels. */
export function toIdentity({ labels }: Notification): string {
  return JSON.stringify(labels)
}
