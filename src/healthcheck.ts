/** `--healthcheck`: asks the running exporter, for containers that have no curl. */
import { Agent, request } from 'undici'
import type { Config } from './config/index.js'

const TIMEOUT_MILLISECONDS = 4_000

/** Undefined where it is alive; otherwise what is wrong. */
export async function checkHealth({
  listen,
  webConfigFile,
}: Pick<Config, 'listen' | 'webConfigFile'>): Promise<string | undefined> {
  const everywhere = listen.host === '0.0.0.0' || listen.host === '::'
  const host = everywhere ? '127.0.0.1' : listen.host
  const written = host.includes(':') ? `[${host}]` : host
  const path = `${written}:${listen.port}/healthz`
  // The certificate is for other names than this one, and we speak to ourselves.
  const dispatcher = new Agent({
    headersTimeout: TIMEOUT_MILLISECONDS,
    connect: { timeout: TIMEOUT_MILLISECONDS, rejectUnauthorized: false },
  })
  let trouble: string | undefined
  try {
    for (const scheme of webConfigFile === undefined ? ['http'] : ['https', 'http']) {
      trouble = await ask(`${scheme}://${path}`, dispatcher)
      if (trouble === undefined) return undefined
    }
    return trouble
  } finally {
    await dispatcher.destroy()
  }
}

async function ask(url: string, dispatcher: Agent): Promise<string | undefined> {
  try {
    const { statusCode } = await request(url, { dispatcher })
    return statusCode === 200 ? undefined : `${url} answered ${statusCode}`
  } catch (error) {
    // A server that asks for a certificate that we have not is alive.
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code)) return undefined
    return `${url}: ${error instanceof Error ? error.message : String(error)}`
  }
}
