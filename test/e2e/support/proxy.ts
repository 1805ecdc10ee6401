/** A runtime's socket behind one that can be slow or say nothing at all. */
import { createConnection, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from './daemon.js'

export type Manner = 'pass' | 'hang' | { readonly delayMilliseconds: number }

export interface Proxy {
  readonly path: string
  manner: Manner
}

/** Listens at `path`; what it takes is passed on to `target` in its present manner. */
export async function startProxy(t: Test, path: string, target: string): Promise<Proxy> {
  const proxy: Proxy = { path, manner: 'pass' }
  const open = new Set<Socket>()
  const server = createServer((client) => {
    open.add(client)
    const runtime = createConnection(target)
    open.add(runtime)
    for (const [from, to] of [
      [client, runtime],
      [runtime, client],
    ] as const) {
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroy()
      })
    }
    client.on('data', (bytes) => void passOn(proxy, bytes, runtime))
    runtime.on('data', (bytes) => client.write(bytes))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return proxy
}

async function passOn(proxy: Proxy, bytes: Buffer, runtime: Socket): Promise<void> {
  const manner = proxy.manner
  if (manner === 'hang') return
  if (manner !== 'pass') await sleep(manner.delayMilliseconds)
  if (!runtime.destroyed) runtime.write(bytes)
}
