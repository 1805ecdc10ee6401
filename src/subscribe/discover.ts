/** Which daemons stand behind a source of the configuration at this moment. */
import { lookup } from 'node:dns/promises'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DaemonAddress, DaemonSource } from './address.js'

export type Found =
  | { readonly kind: 'found'; readonly addresses: readonly DaemonAddress[] }
  | { readonly kind: 'failed'; readonly text: string }

/** More than this from one name or directory is a mistake. */
const DAEMONS_LIMIT = 2_000

export async function toDaemons(source: DaemonSource): Promise<Found> {
  try {
    switch (source.kind) {
      case 'unix':
      case 'tcp':
        return { kind: 'found', addresses: [source] }
      case 'dns':
        return { kind: 'found', addresses: await toHosts(source.host, source.port) }
      case 'directory':
        return { kind: 'found', addresses: await toSockets(source.path) }
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { kind: 'failed', text: `cannot look up ${source.name}: ${reason}` }
  }
}

async function toHosts(host: string, port: number): Promise<readonly DaemonAddress[]> {
  const found = await lookup(host, { all: true })
  return found
    .slice(0, DAEMONS_LIMIT)
    .map(({ address, family }) => {
      const written = family === 6 ? `[${address}]` : address
      const name = `${written}:${port}`
      return { kind: 'tcp' as const, name, host: written, port, serverName: host }
    })
    .sort((a, b) => a.name.localeCompare(b.name))
}

async function toSockets(directory: string): Promise<readonly DaemonAddress[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sock')).sort()
  const found = await Promise.all(
    names.slice(0, DAEMONS_LIMIT).map(async (name): Promise<DaemonAddress[]> => {
      const path = join(directory, name)
      const isSocket = (await stat(path).catch(() => undefined))?.isSocket() === true
      return isSocket ? [{ kind: 'unix', name: `unix://${path}`, path }] : []
    }),
  )
  return found.flat()
}
