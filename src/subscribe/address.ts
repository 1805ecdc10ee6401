/** Where a daemon is reached, parsed from what the user wrote. */

export type DaemonAddress =
  | { readonly kind: 'unix'; readonly name: string; readonly path: string }
  | { readonly kind: 'tcp'; readonly name: string; readonly host: string; readonly port: number }

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
