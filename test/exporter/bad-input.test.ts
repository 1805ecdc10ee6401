import { createServer } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t from 'tap'
import { runExporter, runToEnd, temporaryDirectory } from './support/exporter.js'

interface Case {
  readonly name: string
  readonly args: (directory: string) => readonly string[]
  readonly says: RegExp
  readonly code: number
}

const TLS = (directory: string, file: string): readonly string[] => [
  '--falco',
  'localhost:5060',
  '--falco-tls-ca',
  join(directory, file),
  '--falco-tls-cert',
  join(directory, file),
  '--falco-tls-key',
  join(directory, file),
]

const CASES: readonly Case[] = [
  {
    name: 'state directory cannot be made',
    args: (directory) => ['--state-dir', join(directory, 'file', 'state')],
    says: /^peregrine: cannot write to state directory .*ENOTDIR.*: make it writable/,
    code: 1,
  },
  {
    name: 'state directory is not writable',
    // Not even root may make a folder there.
    args: () => ['--state-dir', '/sys/peregrine'],
    says: /^peregrine: cannot write to state directory \/sys\/peregrine \(.*\): make it writable/,
    code: 1,
  },
  {
    name: 'certificate file is missing',
    args: (directory) => TLS(directory, 'none.pem'),
    says: /^peregrine: --falco-tls-ca: ENOENT.*none\.pem/,
    code: 1,
  },
  {
    name: 'certificate is none',
    args: (directory) => TLS(directory, 'file'),
    says: /^peregrine: --falco-tls-c\w+: .*file is not usable \(.*\): expected a PEM file/,
    code: 1,
  },
  {
    name: 'Loki address is none',
    args: () => ['--loki-url', 'loki:3100'],
    says: /^peregrine: --loki-url: "loki:3100" is not an http:\/\/ or https:\/\/ address/,
    code: 2,
  },
  {
    name: 'password file is missing',
    args: (directory) => [
      '--loki-url',
      'http://localhost',
      '--loki-user',
      'me',
      '--loki-password-file',
      join(directory, 'none'),
    ],
    says: /^peregrine: --loki-password-file: ENOENT/,
    code: 1,
  },
  {
    name: 'host is not ours',
    args: () => ['--listen', '192.0.2.1:9376', '--state-dir', ':temporary:'],
    says: /^peregrine: 192\.0\.2\.1 is no address of this machine/,
    code: 1,
  },
]

for (const { name, args, says, code } of CASES) {
  void t.test(name, async (t) => {
    const directory = temporaryDirectory(t)
    writeFileSync(join(directory, 'file'), 'no certificate\n')
    const ended = await runToEnd(['--listen', '127.0.0.1:0', ...args(directory)])
    t.match(ended.stderr, says)
    t.equal(ended.stderr.trimEnd().split('\n').length, 1, 'one line')
    t.equal(ended.code, code)
  })
}

void t.test('port taken', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const ended = await runToEnd(['--listen', `127.0.0.1:${port}`, '--state-dir', ':temporary:'])
  t.match(ended.stderr, `peregrine: port ${port} on 127.0.0.1 is taken`)
  t.equal(ended.code, 1)
})

void t.test('state directory in use', async (t) => {
  const directory = temporaryDirectory(t)
  await runExporter(t, ['--state-dir', directory])
  const ended = await runToEnd(['--listen', '127.0.0.1:0', '--state-dir', directory])
  t.match(ended.stderr, /^peregrine: state directory .* is in use by another peregrine/)
  t.equal(ended.code, 1)
})

void t.test('a store of a newer version is left alone', async (t) => {
  const directory = temporaryDirectory(t)
  const database = new ClassicLevel(join(directory, 'store'))
  await database.put('meta/version', '2')
  await database.close()
  const ended = await runToEnd(['--listen', '127.0.0.1:0', '--state-dir', directory])
  t.equal(
    ended.stderr,
    'peregrine: the store has version 2, this program reads version 1: ' +
      'use a newer peregrine or another --state-dir\n',
  )
  t.equal(ended.code, 1)
  await database.open()
  t.equal(await database.get('meta/version'), '2')
  await database.close()
})

void t.test('several mistakes are told at once, with their places', async (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'config.yaml')
  writeFileSync(path, 'listen: 127.0.0.1:9376\nloki_url: http://x\nseries-budget: many\n')
  const ended = await runToEnd(['--config', path, '--lisen', 'x'], { PEREGRINE_LOKI_URI: 'x' })
  t.equal(ended.code, 2)
  t.same(ended.stderr.trimEnd().split('\n'), [
    `peregrine: ${path}:2:1: unknown setting "loki_url": did you mean loki-url?`,
    'peregrine: unknown environment variable PEREGRINE_LOKI_URI: did you mean PEREGRINE_LOKI_URL?',
    'peregrine: unknown flag --lisen: did you mean --listen?',
    `peregrine: ${path}:3:1: series-budget: "many" is not a number above 0`,
  ])
})
