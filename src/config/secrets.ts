/** Reads the files that the configuration names, and refuses what cannot work. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { LokiTarget } from '../ship/index.js'
import type { TlsIdentity } from '../subscribe/index.js'
import type { LokiConfig, TlsFiles } from './resolve.js'

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

export async function readLokiTarget({ url, tenant, login }: LokiConfig): Promise<LokiTarget> {
  if (login === undefined) return { url, tenant, authorization: undefined }
  const bytes = await readNamed('--loki-password-file', login.passwordFile)
  // Editors end a file with a newline; no password does.
  const password = bytes.toString().replace(/\r?\n$/, '')
  const token = Buffer.from(`${login.user}:${password}`).toString('base64')
  return { url, tenant, authorization: `Basic ${token}` }
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
