/** A way between two programs that can be lost without either of them being told. */
import { createConnection, createServer, type NetConnectOpts, type Socket } from 'node:net'
import type { Test } from './daemon.js'

export interface Gate {
  /** Of a gate on TCP. */
  readonly port: number
  /** What is connected now stays open and hears nothing any more; who connects anew gets through. */
  lose(): void
}

/** Listens on a path, or on a port of its own, and passes on to `target`. */
export async function startGate(
  t: Test,
  listen: string | undefined,
  target: NetConnectOpts,
): Promise<Gate> {
  const open = new Set<Socket>()
  let passing = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection(target)
    const isPassing = (): boolean => passing.has(client)
    passing.add(client)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from)
      from.on('data', (bytes) => {
        if (isPassing() && !to.destroyed) to.write(bytes)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        open.delete(from)
        if (isPassing()) to.destroy()
      })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (listen === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(listen, resolve)
  })
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const address = server.address()
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    lose() {
      passing = new Set()
    },
  }
}
