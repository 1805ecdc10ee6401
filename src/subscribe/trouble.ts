/** Why a connection ended, in words that say what to do where that is known. */

const HINTS: readonly (readonly [found: RegExp, say: (found: string) => string])[] = [
  [/ENOENT (\S+)/, (path) => `no socket at ${path}: is the daemon running, and its path right?`],
  [/EACCES (\S+)/, (path) => `may not open ${path}: join the socket's group, or run as root`],
  [/ECONNREFUSED (\S+)/, (place) => `nothing listens at ${place}: is the daemon running?`],
  [/ENOTFOUND (\S+)/, (name) => `no address is known for ${name}: is the name right?`],
  [
    /(self-signed certificate[^.]*|unable to verify[^.]*|unable to get \S+ issuer[^.]*)/,
    (what) => `the daemon's certificate is not trusted (${what}): is --falco-tls-ca its authority?`,
  ],
  [/(certificate has expired)/, () => "the daemon's certificate has expired: it needs a new one"],
  [
    /(Hostname\/IP does not match[^.]*)/,
    (what) => `${what}: subscribe by a name that the daemon's certificate has`,
  ],
  [
    // With the time of the attempt behind it, which would make each attempt a new message.
    // The refusal of a certificate may be overtaken by the end of the connection.
    /(Failed to connect|Last error: (?:Error: )?(?:read ECONNRESET|write EPIPE)) \(/,
    () => 'the daemon closes the connection at once: does it accept our certificate?',
  ],
  [
    /(Protocol error|Frame size error|Compression error)/,
    () =>
      'what answers there does not speak gRPC: is the address right, and not of another service?',
  ],
  [
    /^12 (UNIMPLEMENTED)/,
    () => "neither our interface nor Falco's outputs are served there: is grpc_output enabled?",
  ],
]

/** When it was tried, which would make each attempt a new message. */
const ATTEMPTED = / \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/
/** grpc-js wraps the system's words in its own; only the former say anything. */
const WRAPPED = /Last error: (?:Error: )?(.*?)\.? Resolution note: ?/s

export function describeTrouble(error: unknown): string {
  if (error === undefined) return 'the daemon ended the stream'
  if (!(error instanceof Error)) return 'the stream failed without saying why'
  const { message } = error
  for (const [pattern, say] of HINTS) {
    const found = pattern.exec(message)?.[1]
    if (found !== undefined) return say(found.replace(/[.,]$/, ''))
  }
  return (WRAPPED.exec(message)?.[1] ?? message).replace(ATTEMPTED, '')
}
