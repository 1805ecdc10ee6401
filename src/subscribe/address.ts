/** Where a daemon is reached, parsed from what the user wrote. */

export type DaemonAddress =
  | { readonly kind: 'unix'; readonly name: string; readonly path: string }
  | {
      readonly kind: 'tcp'
      readonly name: string
      readonly host: string
      readonly port: number
      /** What the certificate must be for, where we connect to one address of several. */
      readonly serverName?: string
    }

/** `unix:///path`, `unix:path`, a bare absolute path, or `host:port`; otherwise undefined. */
export function parseDaemonAddress(text: string): DaemonAddress | undefined {
  const unix = /^(?:unix:(?:\/\/)?)?(\/.+)$/.exec(text)?.[1]
  if (unix !== undefined) return { kind: 'unix', name: `unix://${unix}`, path: unix }
  const tcp = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):([0-9]{1,5})$/.exec(text)
  const host = tcp?.[1]
  const port = Number(tcp?.[2])
  if (host === undefined || port < 1 || port > 65_535) return undefined
  return { kind: 'tcp', name: text, host, port }
}

/** The target as grpc-js reads it. */
export function toGrpcTarget(address: DaemonAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `dns:${address.name}`
}

/** What stands for daemons in the configuration: one, or all that are found at a place. */
export type DaemonSource =
  | DaemonAddress
  | { readonly kind: 'dns'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly kind: 'directory'; readonly name: string; readonly path: string }

/** As `parseDaemonAddress`, and `dns:host:port` and `dir:///path`. */
export function parseDaemonSource(text: string): DaemonSource | undefined {
  const path = /^dir:(?:\/\/)?(\/.+)$/.exec(text)?.[1]
  if (path !== undefined) return { kind: 'directory', name: `dir://${path}`, path }
  if (!text.startsWith('dns:')) return parseDaemonAddress(text)
  const address = parseDaemonAddress(text.slice('dns:'.length))
  return address?.kind === 'tcp' ? { ...address, kind: 'dns', name: text } : undefined
}
