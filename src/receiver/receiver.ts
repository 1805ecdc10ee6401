/** The receiver's HTTP server. See index.ts. */
import { fastify } from 'fastify'
import { toRuleLink, type GrafanaLinks } from '../links.js'
import { escapeHtml, toPrintable } from '../text.js'

export interface Notified {
  readonly receivedAt: string
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

export interface ReceiverOptions {
  readonly host: string
  readonly port: number
  readonly clock: () => number
  /** Where links lead to; undefined: there are none. */
  readonly grafana?: GrafanaLinks | undefined
  /** Told of each alert. */
  readonly notified: (alert: Notified) => void
}

export interface Receiver {
  readonly port: number
  close(): Promise<void>
}

const SHOWN = 500
const BODY_LIMIT_BYTES = 4 * 1024 * 1024
const TEXT_LIMIT_BYTES = 2_000

export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const shown: Notified[] = []
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })
  const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
  app.addHook('onSend', (_request, reply, payload, done) => {
    void reply.headers({ 'content-security-policy': policy, 'x-content-type-options': 'nosniff' })
    done(null, payload)
  })
  app.post('/*', (request, reply) => {
    const alerts = parseNotification(request.body, new Date(options.clock()).toISOString())
    if (alerts === undefined) {
      return reply.code(400).send({ error: "expected Alertmanager's webhook JSON" })
    }
    for (const alert of alerts) {
      options.notified(alert)
      shown.unshift(alert)
    }
    shown.length = Math.min(shown.length, SHOWN)
    return reply.send({ received: alerts.length })
  })
  app.get('/notifications', (_request, reply) => reply.send(shown))
  app.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'))
  app.get('/style.css', (_request, reply) => reply.type('text/css').send(STYLE))
  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(render(shown, options.grafana)),
  )
  await app.listen({ host: options.host, port: options.port })
  const address = app.server.address()
  const port = address !== null && typeof address === 'object' ? address.port : options.port
  return { port, close: () => app.close() }
}

/** The alerts of one notification; undefined of what is none. */
export function parseNotification(
  body: unknown,
  receivedAt: string,
): readonly Notified[] | undefined {
  if (typeof body !== 'string') return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || !('alerts' in parsed)) return undefined
  const { alerts } = parsed
  if (!Array.isArray(alerts)) return undefined
  return alerts.slice(0, SHOWN).map((alert: unknown) => ({
    receivedAt,
    status: textOf(alert, 'status'),
    labels: textsOf(alert, 'labels'),
    annotations: textsOf(alert, 'annotations'),
    startsAt: textOf(alert, 'startsAt'),
    endsAt: textOf(alert, 'endsAt'),
  }))
}

function valueOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key === name)?.[1]
}

function textOf(value: unknown, name: string): string {
  const text = valueOf(value, name)
  return typeof text === 'string' ? toPrintable(text, TEXT_LIMIT_BYTES) : ''
}

function textsOf(value: unknown, name: string): Record<string, string> {
  const texts: unknown = valueOf(value, name)
  if (typeof texts !== 'object' || texts === null) return {}
  const pairs = Object.entries(texts).slice(0, 100)
  return Object.fromEntries(pairs.map(([key]) => [toPrintable(key, 200), textOf(texts, key)]))
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top; }
td { overflow-wrap: anywhere; }
`

function render(shown: readonly Notified[], grafana: GrafanaLinks | undefined): string {
  const heads = ['Received', 'Status', 'Alert', 'Labels', 'Text', 'Look']
  const rows = shown.map((alert) => {
    const { alertname = '', ...labels } = alert.labels
    const { summary = '', description = '', field_proc_cmdline = '' } = alert.annotations
    const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
    const command = field_proc_cmdline === '' ? '' : `Command: ${field_proc_cmdline}`
    const text = [summary, description, command].filter(Boolean).join(' · ')
    const status = `${alert.status} since ${alert.startsAt}`
    const cells = [alert.receivedAt, status, alertname, pairs.join(', '), text].map(escapeHtml)
    return `<tr>${[...cells, look(alert, grafana)].map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join('')
  const table = `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notifications</title>
<link rel="stylesheet" href="/style.css">
<h1>What Alertmanager notified</h1>
${shown.length === 0 ? '<p>Nothing yet.</p>' : table}
</html>
`
}

/** The dashboard and the log lines, and the path of the runbook. */
function look({ labels, annotations }: Notified, grafana: GrafanaLinks | undefined): string {
  const { rule = '', k8s_pod_name: pod = '' } = labels
  const { dashboard = '', runbook = '' } = annotations
  const link = (href: string, text: string): string => `<a href="${escapeHtml(href)}">${text}</a>`
  const parts = [escapeHtml(runbook)]
  if (grafana !== undefined) {
    if (rule !== '') parts.unshift(link(toRuleLink(grafana, rule, pod), 'Log lines'))
    // A path of Grafana, and nothing that leads elsewhere.
    if (dashboard.startsWith('/d/')) {
      parts.unshift(link(grafana.url.href.replace(/\/$/, '') + dashboard, 'Dashboard'))
    }
  }
  return parts.filter(Boolean).join(' · ')
}
