/** The page: what is connected, where to look, the last alerts. No script, nothing from afar. */
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toPrintable } from '../text.js'

export interface PageFacts {
  readonly version: string
  readonly inputs: readonly { readonly name: string; readonly state: string }[]
  readonly outputs: readonly { readonly name: string; readonly state: string }[]
  /** Newest first. */
  readonly alerts: readonly Alert[]
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top; }
td.output { overflow-wrap: anywhere; }
`

/** The style comes from its own address, so that nothing inline is ever allowed. */
export const POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export { STYLE }

export function renderPage({ version, inputs, outputs, alerts }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Peregrine</title>
<link rel="stylesheet" href="/style.css">
<h1>Peregrine</h1>
<p>Version ${escape(version)} ·
<a href="/metrics">metrics</a> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a></p>
<h2>In and out</h2>
<table><thead><tr><th scope="col">Where</th><th scope="col">State</th></tr></thead>
<tbody>${[...inputs, ...outputs].map(renderState).join('')}</tbody></table>
<h2>Last alerts</h2>
${alerts.length === 0 ? '<p>None since the start of this process.</p>' : renderAlerts(alerts)}
</html>
`
}

function renderState({ name, state }: { readonly name: string; readonly state: string }): string {
  return `<tr><td>${escape(name)}</td><td>${escape(state)}</td></tr>\n`
}

function renderAlerts(alerts: readonly Alert[]): string {
  const heads = ['Time', 'Priority', 'Rule', 'Host', 'Pod', 'Output']
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join('')
  return `<table><thead><tr>${head}</tr></thead><tbody>${alerts.map(renderAlert).join('')}</tbody></table>`
}

function renderAlert(alert: Alert): string {
  const { fields } = alert
  const pod = [fields.get('k8s.ns.name'), fields.get('k8s.pod.name')].filter(Boolean).join('/')
  const cells = [
    new Date(Number(alert.timeNanoseconds / 1_000_000n)).toISOString(),
    PRIORITY_NAMES[alert.priority],
    alert.rule,
    alert.hostname,
    pod,
  ]
  const row = cells.map((text) => `<td>${escape(toPrintable(text, 256))}</td>`).join('')
  return `<tr>${row}<td class="output">${escape(toPrintable(alert.output, 2_000))}</td></tr>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found)
}
