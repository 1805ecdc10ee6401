/**
 * The live alerts of the page: the last ones, and who watches.
 *
 * A viewer that comes back says the last id it has seen and gets what came since. A viewer that
 * does not read is let go rather than waited for. Bounds: 8 MiB of rendered alerts, 500 alerts
 * a second (more are counted and said), 32 viewers.
 */
import type { ServerResponse } from 'node:http'
import { PRIORITY_NAMES, type Alert } from '../alert.js'
import { toExploreLink, type GrafanaLinks } from '../links.js'
import { toPrintable } from '../text.js'
import { toNamespace, toPod } from '../workload.js'
import { POLICY } from './policy.js'

export interface Feed {
  add(alerts: readonly Alert[]): void
  /** Answers with a stream of events; false where too many watch already. */
  subscribe(response: ServerResponse, lastEventId: string | undefined): boolean
  readonly viewers: number
  /** Alerts that came faster than the page shows them. */
  readonly skipped: number
  close(): void
}

export interface FeedOptions {
  readonly grafana: GrafanaLinks | undefined
  readonly clock: () => number
}

interface Kept {
  readonly id: number
  readonly text: string
}

const KEPT_BYTES = 8 * 1024 * 1024
const KEPT_ALERTS = 10_000
const PER_SECOND = 500
const VIEWERS = 32
/** A viewer this far behind does not read. */
const BEHIND_BYTES = 16 * 1024 * 1024
const HEARTBEAT_MILLISECONDS = 15_000
const TEXT_LIMIT_BYTES = 4_000
const FIELD_LIMIT_BYTES = 2_000
const FIELDS_LIMIT = 100

export function createFeed({ grafana, clock }: FeedOptions): Feed {
  /** Tells ids of this process from those of an earlier one. */
  const run = clock().toString(36)
  const viewers = new Set<ServerResponse>()
  let kept: Kept[] = []
  let keptBytes = 0
  let lastId = 0
  let skipped = 0
  let second = 0
  let inSecond = 0

  const heartbeat = setInterval(() => {
    for (const viewer of viewers) viewer.write(':\n\n')
  }, HEARTBEAT_MILLISECONDS)
  // Nobody need wait for a heartbeat when everything else has ended.
  heartbeat.unref()

  function keep(alert: Alert): void {
    const text = JSON.stringify(toShown(alert, grafana))
    const entry = { id: ++lastId, text }
    kept.push(entry)
    keptBytes += text.length
    const event = toEvent(entry)
    for (const viewer of viewers) {
      if (viewer.writableLength > BEHIND_BYTES) viewer.destroy()
      else viewer.write(event)
    }
  }

  /** In large steps: moving ten thousand entries for each alert would cost more than the alert. */
  function trim(): void {
    if (keptBytes <= KEPT_BYTES && kept.length <= KEPT_ALERTS) return
    let bytes = 0
    let from = kept.length
    for (let next = kept[from - 1]; next !== undefined; next = kept[from - 1]) {
      bytes += next.text.length
      if (bytes > 0.75 * KEPT_BYTES || kept.length - from >= 0.75 * KEPT_ALERTS) break
      from--
    }
    kept = kept.slice(from)
    keptBytes = kept.reduce((sum, { text }) => sum + text.length, 0)
  }

  function toEvent({ id, text }: Kept): string {
    return `id: ${run}-${id}\nevent: alert\ndata: ${text}\n\n`
  }

  return {
    add(alerts) {
      const now = Math.floor(clock() / 1000)
      if (now !== second) {
        second = now
        inSecond = 0
      }
      const room = Math.max(0, PER_SECOND - inSecond)
      const shown = alerts.length > room ? alerts.slice(alerts.length - room) : alerts
      skipped += alerts.length - shown.length
      inSecond += shown.length
      for (const alert of room === 0 ? [] : shown) keep(alert)
      trim()
    },
    subscribe(response, lastEventId) {
      if (viewers.size >= VIEWERS) return false
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': POLICY,
        'x-content-type-options': 'nosniff',
        'x-accel-buffering': 'no',
      })
      const [ofRun, id] = (lastEventId ?? '').split('-')
      const after = ofRun === run ? Number(id) : 0
      const first = kept[0]?.id ?? lastId + 1
      // Events that are gone are said, so that nobody takes the rest for all.
      if (after > 0 && first > after + 1) {
        response.write(`event: gap\ndata: ${first - after - 1}\n\n`)
      }
      const behind = kept.filter((entry) => entry.id > after)
      response.write(`retry: 2000\n\n${behind.map(toEvent).join('')}`)
      viewers.add(response)
      response.on('close', () => viewers.delete(response))
      response.on('error', () => viewers.delete(response))
      return true
    },
    get viewers() {
      return viewers.size
    },
    get skipped() {
      return skipped
    },
    close() {
      clearInterval(heartbeat)
      for (const viewer of viewers) viewer.destroy()
    },
  }
}

/** What the page's script knows of an alert; keys are short, since there are thousands. */
export interface ShownAlert {
  readonly time: string
  readonly priority: string
  readonly rule: string
  readonly hostname: string
  readonly namespace: string
  readonly pod: string
  readonly source: string
  readonly tags: string
  readonly output: string
  readonly link: string
  readonly fields: Readonly<Record<string, string>>
}

function toShown(alert: Alert, grafana: GrafanaLinks | undefined): ShownAlert {
  const fields: Record<string, string> = {}
  let count = 0
  alert.fields.forEach((value, name) => {
    if (++count <= FIELDS_LIMIT)
      fields[toPrintable(name, 200)] = toPrintable(value, FIELD_LIMIT_BYTES)
  })
  return {
    time: new Date(Number(alert.timeNanoseconds / 1_000_000n)).toISOString(),
    priority: PRIORITY_NAMES[alert.priority],
    rule: toPrintable(alert.rule, 256),
    hostname: toPrintable(alert.hostname, 256),
    namespace: toPrintable(toNamespace(alert), 256),
    pod: toPrintable(toPod(alert), 256),
    source: toPrintable(alert.source, 256),
    tags: toPrintable(alert.tags.join(', '), 500),
    output: toPrintable(alert.output, TEXT_LIMIT_BYTES),
    link: grafana === undefined ? '' : toExploreLink(grafana, alert),
    fields,
  }
}
