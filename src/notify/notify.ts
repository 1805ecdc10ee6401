/** Keeps what is active, and sends it to each member. See index.ts. */
import { Agent, request } from 'undici'
import type { Alert } from '../alert.js'
import type { LastError } from '../last-error.js'
import type { GrafanaLinks } from '../links.js'
import { selects, type Selection } from '../matcher.js'
import { createBell, isStopped, toBackoff, type Backoff, type Bell } from '../waits.js'
import { toIdentity, toNotification, type Notification } from './notification.js'

export interface MemberHealth {
  readonly url: string
  sent: number
  failures: number
  /** Alerts that the member refused. */
  refused: number
  trouble: string | undefined
  lastError: LastError | undefined
  troubleSinceMilliseconds: number
}

/** What others may know of it while it runs. */
export interface NotifyHealth {
  readonly members: readonly MemberHealth[]
  readonly active: number
  /** Alerts for which there was no room among the active ones. */
  dropped: number
  /** Alerts that happened too long ago to be told. */
  old: number
}

export interface NotifierOptions {
  readonly urls: readonly URL[]
  readonly authorization: string | undefined
  readonly userAgent: string
  readonly resolveMilliseconds: number
  /** What happened longer ago is no news. */
  readonly maxAgeMilliseconds: number
  /** Asked at each alert. */
  readonly selection: () => Selection
  readonly grafana: GrafanaLinks | undefined
  readonly clock: () => number
  readonly changed: (member: MemberHealth) => void
  readonly resendMilliseconds?: number
}

export interface Notifier {
  readonly health: NotifyHealth
  note(alerts: readonly Alert[]): void
  /** Shows another login from the next message on. */
  use(authorization: string | undefined): void
  /** Runs until the signal aborts; what is active is sent a last time. */
  run(signal: AbortSignal): Promise<void>
}

interface Active {
  notification: Notification
  readonly startsMilliseconds: number
  lastMilliseconds: number
}

const CAPACITY = 2_000
const RESEND_MILLISECONDS = 60_000
/** How long an end is told, so that a member that was away hears of it. */
const RESOLVED_MILLISECONDS = 5 * 60_000
const BATCH = 200
const GATHER_MILLISECONDS = 200
const TIMEOUT_MILLISECONDS = 10_000
const BACKOFF: Backoff = { firstMilliseconds: 500, limitMilliseconds: 30_000 }

export function createNotifier(options: NotifierOptions): Notifier {
  const { clock, resolveMilliseconds } = options
  const active = new Map<string, Active>()
  const members = options.urls.map(({ href }) => createMember(href))
  const bells = members.map(() => createBell())
  const health: NotifyHealth = {
    members,
    get active() {
      return active.size
    },
    dropped: 0,
    old: 0,
  }

  function expire(): void {
    const gone = clock() - resolveMilliseconds - RESOLVED_MILLISECONDS
    for (const [identity, { lastMilliseconds }] of active) {
      if (lastMilliseconds < gone) active.delete(identity)
    }
  }

  function note(alert: Alert): boolean {
    const ageMilliseconds = clock() - Number(alert.timeNanoseconds / 1_000_000n)
    if (ageMilliseconds > options.maxAgeMilliseconds) {
      health.old++
      return false
    }
    const notification = toNotification(alert, options.grafana)
    const identity = toIdentity(notification)
    const known = active.get(identity)
    const now = clock()
    const isOver = known !== undefined && known.lastMilliseconds + resolveMilliseconds < now
    if (known !== undefined && !isOver) {
      known.notification = notification
      known.lastMilliseconds = now
      return false
    }
    if (known === undefined && active.size >= CAPACITY) {
      health.dropped++
      return false
    }
    active.set(identity, { notification, startsMilliseconds: now, lastMilliseconds: now })
    return true
  }

  function toBatches(): readonly string[] {
    const all = Array.from(active.values(), (entry) => toJson(entry, resolveMilliseconds))
    const batches: string[] = []
    for (let from = 0; from < all.length; from += BATCH) {
      batches.push(`[${all.slice(from, from + BATCH).join(',')}]`)
    }
    return batches
  }

  let { authorization } = options

  return {
    health,
    use(login) {
      authorization = login
    },
    note(alerts) {
      const selection = options.selection()
      let isNew = false
      for (const alert of alerts) if (selects(selection, alert)) isNew = note(alert) || isNew
      if (isNew) for (const bell of bells) bell.ring()
    },
    async run(signal) {
      const agent = new Agent({
        headersTimeout: TIMEOUT_MILLISECONDS,
        bodyTimeout: TIMEOUT_MILLISECONDS,
        connect: { timeout: TIMEOUT_MILLISECONDS },
      })
      await Promise.all(
        members.map((member, index) => {
          const bell = bells[index] ?? createBell()
          const parts = { options, agent, bell, expire, toBatches, login: () => authorization }
          return runMember(member, parts, signal)
        }),
      )
      await agent.destroy()
    },
  }
}

interface MemberParts {
  readonly options: NotifierOptions
  readonly agent: Agent
  readonly bell: Bell
  readonly expire: () => void
  readonly login: () => string | undefined
  readonly toBatches: () => readonly string[]
}

async function runMember(
  member: MemberHealth,
  parts: MemberParts,
  signal: AbortSignal,
): Promise<void> {
  const { options, bell, expire, toBatches } = parts
  const resend = options.resendMilliseconds ?? RESEND_MILLISECONDS
  for (let attempt = 0; ;) {
    expire()
    const isWell = await sendAll(member, toBatches(), parts)
    if (isStopped(signal)) return
    attempt = isWell ? 0 : attempt + 1
    const wait = isWell ? resend : toBackoff(attempt, BACKOFF, Math.random) + GATHER_MILLISECONDS
    await bell.wait(signal, wait)
  }
}

/** True unless the member should be asked again soon. */
async function sendAll(
  member: MemberHealth,
  batches: readonly string[],
  parts: MemberParts,
): Promise<boolean> {
  for (const batch of batches) {
    const trouble = await send(member, batch, parts)
    note(member, trouble?.text, parts.options)
    if (trouble?.isRetried === true) return false
  }
  return true
}

async function send(
  member: MemberHealth,
  body: string,
  { options, agent, login }: MemberParts,
): Promise<{ readonly text: string; readonly isRetried: boolean } | undefined> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': options.userAgent,
  }
  const authorization = login()
  if (authorization !== undefined) headers.authorization = authorization
  try {
    const url = `${member.url.replace(/\/$/, '')}/api/v2/alerts`
    const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body })
    const text = (await answer.body.text()).slice(0, 300)
    member.sent++
    if (answer.statusCode < 300) return undefined
    // A batch with an alert that is refused is stored but for that one.
    if (answer.statusCode === 400) member.refused++
    else member.failures++
    const isRetried = answer.statusCode !== 400
    return { text: `Alertmanager answered ${answer.statusCode}: ${text}`, isRetried }
  } catch (error) {
    member.failures++
    const reason = error instanceof Error ? error.message : String(error)
    return { text: `cannot reach Alertmanager: ${reason}`, isRetried: true }
  }
}

function note(member: MemberHealth, trouble: string | undefined, options: NotifierOptions): void {
  const isChanged = (member.trouble === undefined) !== (trouble === undefined)
  const now = options.clock()
  member.trouble = trouble
  if (trouble !== undefined) member.lastError = { text: trouble, atMilliseconds: now }
  if (!isChanged) return
  member.troubleSinceMilliseconds = now
  options.changed(member)
}

function createMember(url: string): MemberHealth {
  return {
    url,
    sent: 0,
    failures: 0,
    refused: 0,
    trouble: undefined,
    lastError: undefined,
    troubleSinceMilliseconds: 0,
  }
}

/** Both times always: without a start Alertmanager would take the end for it. */
function toJson(active: Active, resolveMilliseconds: number): string {
  const { notification, startsMilliseconds, lastMilliseconds } = active
  const endsMilliseconds = lastMilliseconds + resolveMilliseconds
  return JSON.stringify({
    ...notification,
    startsAt: new Date(startsMilliseconds).toISOString(),
    endsAt: new Date(endsMilliseconds).toISOString(),
  })
}
