/**
 * When our certificates end. Peers refuse an expired one and say little of why, so it is said here:
 * a week before, and again when it is so.
 */
import { X509Certificate } from 'node:crypto'
import type { IntakeSecrets } from './intake/index.js'
import type { WebConfig } from './serve/index.js'
import type { LokiTarget } from './ship/index.js'
import type { TlsIdentity } from './subscribe/index.js'

export interface Certificate {
  /** The setting that names its file. */
  readonly setting: string
  readonly notAfterMilliseconds: number
}

export type CertificateState = 'valid' | 'ending' | 'expired'

export interface CertificateWatch {
  readonly all: readonly Certificate[]
  /** From now on these, by the setting that names them. */
  use(files: ReadonlyMap<string, Buffer | undefined>): void
  /** Tells what changed since the last check. */
  check(): void
}

const WEEK_MILLISECONDS = 7 * 86_400_000

export function createCertificateWatch(
  clock: () => number,
  changed: (certificate: Certificate, state: CertificateState) => void,
): CertificateWatch {
  let all: readonly Certificate[] = []
  const told = new Map<string, CertificateState>()
  return {
    get all() {
      return all
    },
    use(files) {
      all = toCertificates(files)
      this.check()
    },
    check() {
      for (const certificate of all) {
        const state = toState(certificate, clock())
        const before = told.get(certificate.setting) ?? 'valid'
        told.set(certificate.setting, state)
        if (state !== before) changed(certificate, state)
      }
    },
  }
}

export function toState({ notAfterMilliseconds }: Certificate, now: number): CertificateState {
  if (now >= notAfterMilliseconds) return 'expired'
  return now >= notAfterMilliseconds - WEEK_MILLISECONDS ? 'ending' : 'valid'
}

/** What was read of the files that the configuration names. */
export interface OwnFiles {
  readonly tls: TlsIdentity | undefined
  readonly intake: IntakeSecrets | undefined
  readonly loki: LokiTarget | undefined
  readonly web: WebConfig | undefined
}

/** By the setting that names the file. */
export function toCertificateFiles({
  tls,
  intake,
  loki,
  web,
}: OwnFiles): ReadonlyMap<string, Buffer | undefined> {
  return new Map([
    ['--falco-tls-cert', tls?.certificate],
    ['--intake-tls-cert', intake?.tls?.cert],
    ['--loki-tls-cert', loki?.tls.cert],
    ['--web-config-file', web?.tls?.cert],
  ])
}

/** Of files by the setting that names them; undefined where there is none. */
export function toCertificates(
  files: ReadonlyMap<string, Buffer | undefined>,
): readonly Certificate[] {
  return Array.from(files, ([setting, file]) => toCertificate(setting, file)).filter(
    (certificate) => certificate !== undefined,
  )
}

/** The first in the file, which is the one that peers are shown. */
function toCertificate(setting: string, file: Buffer | undefined): Certificate | undefined {
  if (file === undefined) return undefined
  const notAfterMilliseconds = Date.parse(new X509Certificate(file).validTo)
  return { setting, notAfterMilliseconds }
}
