/** Reads the files that the configuration names, and refuses what cannot work. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { IntakeSecrets } from '../intake/index.js'
import type { LokiTarget } from '../ship/index.js'
import type { TlsIdentity } from '../subscribe/index.js'
import type { TlsFiles } from './resolve.js'
import type { IntakeConfig, Login, LokiConfig } from './targets.js'

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'PGR_CONFIG_INVALID'
}

export async function readTls(files: TlsFiles): Promise<TlsIdentity> {
  const ca = await readNamed('--falco-tls-ca', files.ca)
  const certificate = await readNamed('--falco-tls-cert', files.certificate)
  const key = await readNamed('--falco-tls-key', files.key)
  checkPem('--falco-tls-ca', files.ca, () => createSecureContext({ ca }))
  checkPem('--falco-tls-cert', files.certificate, () => createSecureContext({ cert: certificate }))
  checkPem('--falco-tls-key', files.key, () => createSecureContext({ key }))
  checkPem('--falco-tls-key', files.key, () => createSecureContext({ cert: certificate, key }))
  return { ca, certificate, key }
}

export async function readLokiTarget({
  url,
  login,
  headers,
  tls,
}: LokiConfig): Promise<LokiTarget> {
  const authorization = await readLogin('loki', login)
  const named = { ca: tls.ca, cert: tls.certificate, key: tls.key }
  const read: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {}
  for (const part of ['ca', 'cert', 'key'] as const) {
    const path = named[part]
    if (path !== undefined) read[part] = await readNamed(`--loki-tls-${part}`, path)
  }
  const path = tls.certificate ?? tls.ca ?? ''
  checkPem('--loki-tls-cert', path, () => createSecureContext(read))
  return { url, authorization, headers, tls: read }
}

export async function readIntakeSecrets(config: IntakeConfig): Promise<IntakeSecrets> {
  const authorization = await readLogin('intake', config.login)
  if (config.tls === undefined) return { authorization, tls: undefined }
  const cert = await readNamed('--intake-tls-cert', config.tls.certificate)
  const key = await readNamed('--intake-tls-key', config.tls.key)
  checkPem('--intake-tls-cert', config.tls.certificate, () => createSecureContext({ cert, key }))
  if (config.clientCa === undefined) return { authorization, tls: { cert, key } }
  const ca = await readNamed('--intake-tls-client-ca', config.clientCa)
  checkPem('--intake-tls-client-ca', config.clientCa, () => createSecureContext({ ca }))
  return { authorization, tls: { cert, key, ca } }
}

/** The value of `Authorization`; undefined where nobody logs in. */
export async function readLogin(
  side: 'alertmanager' | 'intake' | 'loki',
  login: Login | undefined,
): Promise<string | undefined> {
  if (login === undefined) return undefined
  if (login.kind === 'bearer') {
    return `Bearer ${await readSecret(`--${side}-token-file`, login.tokenFile)}`
  }
  const password = await readSecret(`--${side}-password-file`, login.passwordFile)
  return `Basic ${Buffer.from(`${login.user}:${password}`).toString('base64')}`
}

async function readSecret(flag: string, path: string): Promise<string> {
  // Editors end a file with a newline; no password does.
  const secret = (await readNamed(flag, path)).toString().replace(/\r?\n$/, '')
  if (secret === '') throw new ConfigError(`${flag}: ${path} is empty`)
  return secret
}

async function readNamed(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(`${flag}: ${reason}`, { cause: error })
  }
}

function checkPem(flag: string, path: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigError(
      `${flag}: ${path} is not usable (${reason}): expected a PEM file that fits the others`,
      { cause: error },
    )
  }
}
