import t from 'tap'
import { describeTrouble } from '../../src/subscribe/trouble.js'

/** As grpc-js 1.14 words them. */
function unavailable(cause: string): Error {
  return new Error(
    `14 UNAVAILABLE: No connection established. Last error: Error: ${cause}. Resolution note: `,
  )
}

const CASES: readonly (readonly [error: unknown, expected: string | RegExp])[] = [
  [undefined, 'the daemon ended the stream'],
  ['text', 'the stream failed without saying why'],
  [unavailable('connect ENOENT /run/f.sock'), /^no socket at \/run\/f\.sock: is the daemon/],
  [unavailable('connect EACCES /run/f.sock'), /^may not open \/run\/f\.sock: join/],
  [unavailable('connect ECONNREFUSED 127.0.0.1:5060'), /^nothing listens at 127\.0\.0\.1:5060: /],
  [unavailable('getaddrinfo ENOTFOUND falco'), /^no address is known for falco: /],
  [unavailable('unable to verify the first certificate'), /not trusted \(unable to verify the/],
  [unavailable('certificate has expired'), /^the daemon's certificate has expired: it needs/],
  [unavailable('self-signed certificate in certificate chain'), /is --falco-tls-ca its authority/],
  [unavailable('Failed to connect (2026-11-24T03:08:01.548Z)'), /accept our certificate\?$/],
  [unavailable('read ECONNRESET (2026-11-24T03:08:01.548Z)'), /accept our certificate\?$/],
  [unavailable('Protocol error (2026-11-24T03:08:01.548Z)'), /does not speak gRPC/],
  [unavailable('something else (2026-11-24T03:08:01.548Z)'), /^something else$/],
  [unavailable('socket hang up'), 'socket hang up'],
  [new Error('12 UNIMPLEMENTED: unknown service'), /is grpc_output enabled\?$/],
  [new Error('13 INTERNAL: x'), '13 INTERNAL: x'],
]

for (const [error, expected] of CASES) t.match(describeTrouble(error), expected)
