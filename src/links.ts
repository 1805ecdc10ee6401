/** Links into Grafana: the log lines of one pod, or of one rule, around an alert. */
import type { Alert } from './alert.js'
import { toNamespace, toPod } from './workload.js'

export interface GrafanaLinks {
  readonly url: URL
  readonly lokiUid: string
}

/** Written so that it finds the pod as a label and as structured metadata. */
export function toExploreLink({ url, lokiUid }: GrafanaLinks, alert: Alert): string {
  const namespace = toNamespace(alert)
  const pod = toPod(alert)
  const filters = [
    pod === '' ? `rule=${quote(alert.rule)}` : `k8s_pod_name=${quote(pod)}`,
    ...(namespace === '' ? [] : [`k8s_ns_name=${quote(namespace)}`]),
  ]
  const expr = `{service_name="falco"} | ${filters.join(' | ')}`
  const at = Number(alert.timeNanoseconds / 1_000_000n)
  const query = {
    refId: 'A',
    datasource: { type: 'loki', uid: lokiUid },
    expr,
    queryType: 'range',
  }
  const pane = {
    datasource: lokiUid,
    queries: [query],
    range: { from: String(at - 900_000), to: String(at + 900_000) },
  }
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
