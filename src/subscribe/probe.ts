/** One try at one daemon, for a person who asks what is wrong. */
import type { DaemonAddress, DaemonSource } from './address.js'
import { isUnimplemented } from './batched.js'
import { createChannel, type TlsIdentity } from './channel.js'
import { toDaemons } from './discover.js'
import { askStatus } from './status.js'
import { describeTrouble } from './trouble.js'

export interface Probe {
  readonly name: string
  readonly isWell: boolean
  /** What answered, or what is wrong and what to do. */
  readonly text: string
}

export async function probeDaemon(
  source: DaemonSource,
  tls: TlsIdentity | undefined,
): Promise<readonly Probe[]> {
  const found = await toDaemons(source)
  if (found.kind === 'failed') return [{ name: source.name, isWell: false, text: found.text }]
  if (found.addresses.length === 0) {
    return [{ name: source.name, isWell: false, text: 'names no daemon at present' }]
  }
  return Promise.all(found.addresses.map((address) => probeAddress(address, tls)))
}

async function probeAddress(address: DaemonAddress, tls: TlsIdentity | undefined): Promise<Probe> {
  const { name } = address
  const client = createChannel(address, tls)
  try {
    const status = await askStatus(client)
    const who = status === undefined ? '' : `: peregrined ${status.version} on ${status.hostname}`
    return { name, isWell: true, text: `answers${who}` }
  } catch (error) {
    if (isUnimplemented(error)) return { name, isWell: true, text: 'answers, as Falco does' }
    return { name, isWell: false, text: describeTrouble(error) }
  } finally {
    client.close()
  }
}
