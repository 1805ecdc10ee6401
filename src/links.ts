/** Links into Grafana: the log lines of one pod, or of one rule, around an alert. */
import type { Alert } from './alert.js'
import { toNamespace, toPod } from './workload.js'

export interface GrafanaLinks {
  readonly url: URL
  readonly lokiUid: string
}

export function toExploreLink(grafana: GrafanaLinks, alert: Alert): string {
  const namespace = toNamespace(alert)
  const pod = toPod(alert)
  const filters = [
    pod === '' ? `rule=${quote(alert.rule)}` : `k8s_pod_name=${quote(pod)}`,
    ...(namespace === '' ? [] : [`k8s_ns_name=${quote(namespace)}`]),
  ]
  const at = Number(alert.timeNanoseconds / 1_000_000n)
  return toLogLines(grafana, filters, String(at - 900_000), String(at + 900_000))
}

/** Of a rule, as a notification names it. */
export function toRuleLink(grafana: GrafanaLinks, rule: string, pod: string): string {
  const filters = [`rule=${quote(rule)}`, ...(pod === '' ? [] : [`k8s_pod_name=${quote(pod)}`])]
  return toLogLines(grafana, filters, 'now-1h', 'now')
}

/** Written so that it finds a field as a label and as structured metadata. */
function toLogLines(
  { url, lokiUid }: GrafanaLinks,
  filters: readonly string[],
  from: string,
  to: string,
): string {
  const expr = `{service_name="falco"} | ${filters.join(' | ')}`
  const datasource = { type: 'loki', uid: lokiUid }
  const query = { refId: 'A', datasource, expr, queryType: 'range' }
  const pane = { datasource: lokiUid, queries: [query], range: { from, to } }
  const link = new URL(url)
  link.pathname = `${url.pathname.replace(/\/$/, '')}/explore`
  link.searchParams.set('schemaVersion', '1')
  link.searchParams.set('panes', JSON.stringify({ a: pane }))
  link.searchParams.set('orgId', '1')
  return link.href
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 256))
}
