/**
 * `peregrine doctor`: tries every connection of the configuration once, and says what is wrong
 * and what to do. It sends no alert and changes nothing.
 */
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { Agent, request } from 'undici'
import {
  readIntakeSecrets,
  readLogin,
  readLokiTarget,
  readTls,
  type Config,
} from './config/index.js'
import { toCertificateFiles, toCertificates, toState } from './certificates.js'
import { checkHealth } from './healthcheck.js'
import { readWebConfig } from './serve/index.js'
import { TEMPORARY } from './store/index.js'
import { probeDaemon } from './subscribe/index.js'

export interface Finding {
  readonly what: string
  readonly isWell: boolean
  readonly text: string
}

/** True when all is well. */
export async function runDoctor(config: Config, say: (line: string) => void): Promise<boolean> {
  let isWell = true
  const examinations = [
    examineDaemons,
    examineStateDirectory,
    examineWeb,
    examineIntake,
    examineLoki,
    examineAlertmanager,
    examineCertificates,
  ]
  for (const examine of examinations) {
    // In order, so that the answer reads from the top of the way to its end.
    for (const finding of await safely(examine, config)) {
      say(`${finding.isWell ? 'ok   ' : 'wrong'} ${finding.what}: ${finding.text}`)
      isWell &&= finding.isWell
    }
  }
  return isWell
}

type Examine = (config: Config) => Promise<readonly Finding[]>

async function safely(examine: Examine, config: Config): Promise<readonly Finding[]> {
  try {
    return await examine(config)
  } catch (error) {
    return [{ what: 'configuration', isWell: false, text: describe(error) }]
  }
}

async function examineDaemons(config: Config): Promise<readonly Finding[]> {
  const tls = config.tls === undefined ? undefined : await readTls(config.tls)
  const all = await Promise.all(config.daemons.map((source) => probeDaemon(source, tls)))
  return all.flat().map(({ name, isWell, text }) => ({ what: `daemon ${name}`, isWell, text }))
}

async function examineStateDirectory({ stateDirectory }: Config): Promise<readonly Finding[]> {
  const what = `state directory ${stateDirectory}`
  if (stateDirectory === TEMPORARY) {
    return [{ what, isWell: true, text: 'goes with the process; counts begin anew each time' }]
  }
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 })
    await access(stateDirectory, constants.W_OK)
    return [{ what, isWell: true, text: 'writable' }]
  } catch (error) {
    const text = `${describe(error)}: make it writable for this user, or give another --state-dir`
    return [{ what, isWell: false, text }]
  }
}

async function examineWeb(config: Config): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const { webConfigFile, listen } = config
  if (webConfigFile !== undefined) {
    const { tls, users } = await readWebConfig(webConfigFile)
    const text = `TLS ${tls === undefined ? 'off' : 'on'}, ${users.size} users`
    findings.push({ what: `web configuration ${webConfigFile}`, isWell: true, text })
  }
  const trouble = await checkHealth(config)
  const text = trouble === undefined ? 'an exporter answers there' : 'no exporter answers there now'
  findings.push({ what: `listen ${listen.host}:${listen.port}`, isWell: true, text })
  return findings
}

async function examineIntake({ intake }: Config): Promise<readonly Finding[]> {
  if (intake === undefined) return []
  const { authorization, tls } = await readIntakeSecrets(intake)
  const login = authorization === undefined ? 'anybody may post' : 'senders must log in'
  const text = `TLS ${tls === undefined ? 'off' : 'on'}, ${login}`
  return [{ what: `intake ${intake.listen.host}:${intake.listen.port}`, isWell: true, text }]
}

async function examineLoki({ loki }: Config): Promise<readonly Finding[]> {
  if (loki === undefined) return []
  const target = await readLokiTarget(loki)
  const url = new URL(loki.url)
  url.pathname = url.pathname.replace(/push$/, 'labels')
  const headers = Object.fromEntries(target.headers)
  if (target.authorization !== undefined) headers.authorization = target.authorization
  const tenants = new Set([loki.tenant ?? '', ...loki.tenantOfNamespace.values()])
  return Promise.all(
    Array.from(tenants, async (tenant) => {
      const what = tenant === '' ? `Loki ${url.origin}` : `Loki ${url.origin}, tenant ${tenant}`
      const named = tenant === '' ? headers : { ...headers, 'x-scope-orgid': tenant }
      const answer = await ask(url.href, named, target.tls)
      return { what, ...toVerdict(answer, LOKI_HINTS) }
    }),
  )
}

async function examineAlertmanager({ alertmanager }: Config): Promise<readonly Finding[]> {
  if (alertmanager === undefined) return []
  const authorization = await readLogin('alertmanager', alertmanager.login)
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
  return Promise.all(
    alertmanager.urls.map(async ({ href }) => {
      const answer = await ask(`${href.replace(/\/$/, '')}/api/v2/status`, headers, {})
      return { what: `Alertmanager ${href}`, ...toVerdict(answer, ALERTMANAGER_HINTS) }
    }),
  )
}

/** A peer that refuses one says little of why. */
async function examineCertificates(config: Config): Promise<readonly Finding[]> {
  const { tls, intake, loki, webConfigFile } = config
  const files = toCertificateFiles({
    tls: tls && (await readTls(tls)),
    intake: intake && (await readIntakeSecrets(intake)),
    loki: loki && (await readLokiTarget(loki)),
    web: webConfigFile === undefined ? undefined : await readWebConfig(webConfigFile),
  })
  return toCertificates(files).map((certificate) => {
    const { setting, notAfterMilliseconds } = certificate
    const until = new Date(notAfterMilliseconds).toISOString()
    const state = toState(certificate, Date.now())
    const what = `certificate ${setting}`
    if (state === 'expired') {
      return { what, isWell: false, text: `expired at ${until}: peers refuse it; renew the file` }
    }
    const hint = state === 'ending' ? ', within a week: renew it soon' : ''
    return { what, isWell: true, text: `valid until ${until}${hint}` }
  })
}

type Answer = { readonly status: number; readonly text: string } | { readonly trouble: string }

const LOKI_HINTS: Readonly<Record<number, string>> = {
  401: 'give --loki-user and --loki-password-file, --loki-token-file, or --loki-tenant',
  403: 'the login is known and may not read; pushing may still work',
  404: "is this Loki's address? Give the one before /loki/api/v1/push",
}

const ALERTMANAGER_HINTS: Readonly<Record<number, string>> = {
  401: 'give --alertmanager-user and --alertmanager-password-file, or --alertmanager-token-file',
  404: "is this Alertmanager's address, its --web.external-url path included?",
}

function toVerdict(
  answer: Answer,
  hints: Readonly<Record<number, string>>,
): { readonly isWell: boolean; readonly text: string } {
  if ('trouble' in answer) return { isWell: false, text: answer.trouble }
  if (answer.status < 300) return { isWell: true, text: 'answers' }
  const hint = hints[answer.status]
  const said = `answered ${answer.status} ${answer.text}`.trim()
  return { isWell: false, text: hint === undefined ? said : `${said}: ${hint}` }
}

const TIMEOUT_MILLISECONDS = 5_000

async function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  tls: object,
): Promise<Answer> {
  const dispatcher = new Agent({
    headersTimeout: TIMEOUT_MILLISECONDS,
    bodyTimeout: TIMEOUT_MILLISECONDS,
    connect: { timeout: TIMEOUT_MILLISECONDS, ...tls },
  })
  try {
    const answer = await request(url, { dispatcher, headers })
    const text = (await answer.body.text()).slice(0, 200).trim()
    return { status: answer.statusCode, text }
  } catch (error) {
    return { trouble: describe(error) }
  } finally {
    await dispatcher.destroy()
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message !== '') return error.message
  return 'code' in error ? String(error.code) : error.name
}
