/**
 * TLS and basic authentication by the file that Prometheus and its exporters read
 * (`--web.config.file`): `tls_server_config` and `basic_auth_users` with bcrypt hashes.
 *
 * The file and its certificates are read anew when it is asked for, so that a renewed
 * certificate or a new user needs no restart.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { createSecureContext, type SecureVersion } from 'node:tls'
import { LineCounter, isMap, parseDocument } from 'yaml'
import { createPasswordComparer } from './passwords.js'

export interface WebTls {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca?: Buffer
  readonly requestCert: boolean
  readonly rejectUnauthorized: boolean
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
}

export interface WebConfig {
  readonly tls: WebTls | undefined
  /** bcrypt hashes by user; empty where everybody may read. */
  readonly users: ReadonlyMap<string, string>
}

export class WebConfigError extends Error {
  override readonly name = 'WebConfigError'
  readonly code = 'PGR_WEB_CONFIG_INVALID'
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['tls_server_config', 'http_server_config', 'basic_auth_users'],
  tls_server_config: [
    'cert_file',
    'key_file',
    'client_ca_file',
    'client_auth_type',
    'min_version',
    'max_version',
  ],
}

/** As Go's crypto/tls names them; what asks for no proof of a certificate is no protection. */
const CLIENT_AUTH: Readonly<Record<string, { request: boolean; reject: boolean }>> = {
  NoClientCert: { request: false, reject: false },
  RequestClientCert: { request: true, reject: false },
  RequireAnyClientCert: { request: true, reject: true },
  VerifyClientCertIfGiven: { request: true, reject: false },
  RequireAndVerifyClientCert: { request: true, reject: true },
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' }

export async function readWebConfig(path: string): Promise<WebConfig> {
  const text = await readText(path)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const fail = (offset: number, message: string): never => {
    const { line, col } = lines.linePos(offset)
    throw new WebConfigError(`${path}:${line}:${col}: ${message}`)
  }
  for (const error of document.errors) fail(error.pos[0], error.message)
  for (const [section, known] of Object.entries(KEYS)) {
    const node: unknown = section === '' ? document.contents : document.get(section, true)
    if (node === undefined || node === null) continue
    if (!isMap(node)) return fail(0, `${section === '' ? 'the file' : section} must be a mapping`)
    for (const { key } of node.items) {
      if (known.includes(String(key))) continue
      const offset = toOffset(key)
      fail(offset, `unknown key ${String(key)}: known are ${known.join(', ')}`)
    }
  }
  const content: unknown = document.toJS()
  const users = toTexts(toSection(content, 'basic_auth_users'))
  for (const [user, hash] of users) {
    if (!/^\$2[abxy]\$\d\d\$.{53}$/.test(hash)) {
      fail(0, `basic_auth_users: the hash of ${user} is no bcrypt hash (htpasswd -nBC 10 "")`)
    }
  }
  const tls = toTexts(toSection(content, 'tls_server_config'))
  return { users, tls: tls.size === 0 ? undefined : await readTlsPart(path, tls) }
}

async function readTlsPart(path: string, given: ReadonlyMap<string, string>): Promise<WebTls> {
  const read = async (key: string): Promise<Buffer> => {
    const file = given.get(key) ?? ''
    if (file === '') throw new WebConfigError(`${path}: tls_server_config needs ${key}`)
    return readBytes(isAbsolute(file) ? file : join(dirname(path), file), `${path}: ${key}`)
  }
  const cert = await read('cert_file')
  const key = await read('key_file')
  const ca = given.has('client_ca_file') ? await read('client_ca_file') : undefined
  const fallback = ca === undefined ? 'NoClientCert' : 'RequireAndVerifyClientCert'
  const auth = given.get('client_auth_type') ?? fallback
  const kind = CLIENT_AUTH[auth]
  if (kind === undefined) {
    const known = Object.keys(CLIENT_AUTH).join(', ')
    throw new WebConfigError(`${path}: client_auth_type "${auth}" is none of ${known}`)
  }
  if (kind.reject && ca === undefined) {
    throw new WebConfigError(`${path}: client_auth_type ${auth} needs client_ca_file`)
  }
  try {
    createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new WebConfigError(`${path}: certificate and key are not usable: ${reason}`)
  }
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    requestCert: kind.request,
    rejectUnauthorized: kind.reject,
    minVersion: VERSIONS[given.get('min_version') ?? 'TLS12'] ?? 'TLSv1.2',
    maxVersion: VERSIONS[given.get('max_version') ?? 'TLS13'] ?? 'TLSv1.3',
  }
}

export interface Gate {
  /** Asks whether the value of `Authorization` names a user with the right password. */
  admits(authorization: string | undefined): Promise<boolean>
}

/** Right answers are remembered by a hash, since bcrypt is slow by design. */
const REMEMBERED = 100
/** Verifications at a time, so that wrong guesses cannot take all of the machine. */
const AT_ONCE = 4
/** What an unknown user is compared with, so that the time does not tell that there is none. */
const NOBODY = '$2b$10$CwTycUXWue0Thq9StjUM0uJ8p3qV5v3xwQp1rD4kYyZb0V6m5v5Su'

export function createGate(users: () => ReadonlyMap<string, string>): Gate {
  const admitted = new Set<string>()
  const compare = createPasswordComparer()
  let underWay = 0
  return {
    async admits(authorization) {
      const known = users()
      if (known.size === 0) return true
      const login = parseBasic(authorization)
      if (login === undefined) return false
      const hash = known.get(login.user)
      const token = createHash('sha256')
        .update(`${hash ?? ''}\n${authorization ?? ''}`)
        .digest('hex')
      if (admitted.has(token)) return true
      if (underWay >= AT_ONCE) return false
      underWay++
      try {
        const isRight = await compare(login.password, hash ?? NOBODY)
        if (!isRight || hash === undefined) return false
      } finally {
        underWay--
      }
      if (admitted.size >= REMEMBERED) admitted.clear()
      admitted.add(token)
      return true
    },
  }
}

function parseBasic(
  authorization: string | undefined,
): { readonly user: string; readonly password: string } | undefined {
  const token = /^Basic ([A-Za-z0-9+/=]{1,2000})$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return undefined
  const text = Buffer.from(token, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function toSection(content: unknown, name: string): unknown {
  if (typeof content !== 'object' || content === null) return undefined
  return Object.entries(content).find(([key]) => key === name)?.[1]
}

function toTexts(section: unknown): ReadonlyMap<string, string> {
  if (typeof section !== 'object' || section === null) return new Map()
  return new Map(Object.entries(section).map(([key, value]) => [key, String(value)]))
}

function toOffset(node: unknown): number {
  if (typeof node !== 'object' || node === null || !('range' in node)) return 0
  return Array.isArray(node.range) ? Number(node.range[0]) : 0
}

async function readText(path: string): Promise<string> {
  return (await readBytes(path, '--web-config-file')).toString()
}

async function readBytes(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new WebConfigError(`${what}: ${reason}`)
  }
}
