/**
 * What the log says when something changes that stands outside: a daemon, Loki, Alertmanager, a
 * certificate. Each change once, and of what changes again and again ten a minute.
 */
import type { Logger } from 'pino'
import type { Certificate, CertificateState } from './certificates.js'
import { createRepeats, REAL_TIME } from './repeats.js'
import type { ShipTrouble } from './ship/index.js'
import type { SubscriptionHealth } from './subscribe/index.js'

type Write = (level: 'info' | 'warn', about: object, text: string) => void

function createWriter(log: Logger): Write {
  const repeats = createRepeats(REAL_TIME)
  return (level, about, text) => {
    repeats((heldBack) => {
      log[level](heldBack === 0 ? about : { ...about, heldBack }, text)
    })
  }
}

/** A daemon that is away for a night is one line, not thousands. */
export function createSubscriptionLog(log: Logger): (health: SubscriptionHealth) => void {
  const write = createWriter(log)
  let last: string | undefined
  return ({ daemon, connected, protocol, awayFor }) => {
    const state = connected ? `connected ${protocol ?? ''}` : `away ${awayFor ?? ''}`
    if (state === last) return
    last = state
    if (connected) write('info', { daemon, protocol }, 'subscribed')
    else write('warn', { daemon, err: awayFor }, 'daemon is away; trying again')
  }
}

export function createMemberLog(
  log: Logger,
): (member: { readonly url: string; readonly trouble: string | undefined }) => void {
  const write = createWriter(log)
  return ({ url, trouble }) => {
    if (trouble === undefined) write('info', { url }, 'Alertmanager takes alerts')
    else write('warn', { url, err: trouble }, 'Alertmanager does not take alerts; trying again')
  }
}

export function createLokiLog(
  log: Logger,
  tenant: string,
): (trouble: ShipTrouble | undefined) => void {
  const write = createWriter(log)
  const about = tenant === '' ? {} : { tenant }
  return (trouble) => {
    if (trouble === undefined) write('info', about, 'Loki takes entries')
    else {
      const text = 'Loki does not take entries; what it may still take waits in the outbox'
      write('warn', { ...about, err: trouble.text }, text)
    }
  }
}

export function createCertificateLog(
  log: Logger,
): (certificate: Certificate, state: CertificateState) => void {
  return ({ setting, notAfterMilliseconds }, state) => {
    const notAfter = new Date(notAfterMilliseconds).toISOString()
    if (state === 'valid') log.info({ setting, notAfter }, 'certificate is valid')
    else if (state === 'ending') log.warn({ setting, notAfter }, 'certificate ends within a week')
    else {
      log.error({ setting, notAfter }, 'certificate has expired: renew the file, then send SIGHUP')
    }
  }
}
