import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { parseCommand, type Command } from '../../src/config/index.js'
import { renderReference } from '../../src/config/reference.js'
import { SETTINGS } from '../../src/config/settings.js'

interface Case {
  readonly name: string
  readonly argv?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly file?: string
  /** Errors, or a part of the configuration. */
  readonly errors?: readonly string[]
  readonly config?: object
}

const UNIX = { kind: 'unix', name: 'unix:///run/f.sock', path: '/run/f.sock' }
const LOKI = ['--loki-url', 'http://loki:3100']

const CASES: readonly Case[] = [
  {
    name: 'defaults',
    config: {
      daemons: [{ path: '/run/peregrine/peregrine.sock' }],
      listen: { host: '127.0.0.1', port: 9376 },
      outboxBytes: 268_435_456,
      outboxAgeMilliseconds: 604_800_000,
      seriesBudget: 20_000,
      loki: undefined,
    },
  },
  {
    name: 'three ways to a socket: url',
    argv: ['--falco', 'unix:///run/f.sock'],
    config: { daemons: [UNIX] },
  },
  {
    name: 'three ways to a socket: unix:',
    argv: ['--falco', 'unix:/run/f.sock'],
    config: { daemons: [UNIX] },
  },
  {
    name: 'three ways to a socket: path',
    argv: ['--falco=/run/f.sock'],
    config: { daemons: [UNIX] },
  },
  {
    name: 'several daemons',
    argv: ['--falco', '/a', '--falco', '/b'],
    config: { daemons: [{ path: '/a' }, { path: '/b' }] },
  },
  {
    name: 'flag over environment over file',
    argv: ['--log-level', 'debug'],
    environment: { PEREGRINE_LOG_LEVEL: 'error', PEREGRINE_LISTEN: ':1' },
    file: 'log-level: warn\nlisten: "[::1]:2"\nseries-budget: 5\n',
    config: { logLevel: 'debug', listen: { host: '0.0.0.0', port: 1 }, seriesBudget: 5 },
  },
  {
    name: 'lists in file and environment',
    environment: { PEREGRINE_FALCO: '/a, /b' },
    file: 'falco: [/c]\n',
    config: { daemons: [{ path: '/a' }, { path: '/b' }] },
  },
  { name: 'node name', environment: { NODE_NAME: 'n' }, config: { hostname: 'n' } },
  {
    name: 'node name: Falco first',
    environment: { NODE_NAME: 'n', FALCO_HOSTNAME: 'f' },
    config: { hostname: 'f' },
  },
  {
    name: 'Loki with path',
    argv: ['--loki-url', 'https://l/gate/'],
    config: { loki: { url: { pathname: '/gate/loki/api/v1/push' } } },
  },
  {
    name: 'Loki with the whole path',
    argv: ['--loki-url', 'http://l/loki/api/v1/push'],
    config: { loki: { url: { pathname: '/loki/api/v1/push' } } },
  },
  {
    name: 'mistyped key with its place',
    file: '# mine\nlistn: ":1"\n',
    errors: ['c.yaml:2:1: unknown setting "listn": did you mean listen?'],
  },
  {
    name: 'far from everything',
    file: 'zzzzzzzz: 1\n',
    errors: ['c.yaml:1:1: unknown setting "zzzzzzzz": see --help'],
  },
  {
    name: 'broken YAML',
    file: 'listen: "x\n',
    errors: [/^c\.yaml:\d+:\d+: Missing closing "quote/.source],
  },
  { name: 'no mapping', file: '- a\n', errors: ['c.yaml:1:1: expected "setting: value" lines'] },
  {
    name: 'list for one',
    file: 'listen: [a, b]\n',
    errors: ['c.yaml:1:1: listen: expected one value'],
  },
  {
    name: 'map for list',
    file: 'falco: {a: b}\n',
    errors: ['c.yaml:1:1: falco: expected a value or a list of values'],
  },
  {
    name: 'twice in the file',
    file: 'listen: ":1"\nlisten: ":2"\n',
    errors: ['c.yaml:2:1: Map keys must be unique'],
  },
  { name: 'empty file', file: '', config: { logLevel: 'info' } },
  { name: 'value missing', argv: ['--listen'], errors: ['--listen needs a value'] },
  { name: 'stray word', argv: ['start'], errors: ['unexpected argument "start": see --help'] },
  {
    name: 'bad port',
    argv: ['--listen', 'x:70000'],
    errors: ['--listen: "x:70000" is not host:port, such as 127.0.0.1:9376'],
  },
  {
    name: 'bad daemon',
    argv: ['--falco', 'nowhere'],
    errors: ['--falco: "nowhere" is not unix:///path or host:port'],
  },
  {
    name: 'bad duration',
    argv: ['--outbox-age', '7'],
    errors: ['--outbox-age: "7" is not a duration, such as 12h or 7d'],
  },
  {
    name: 'bad size',
    argv: ['--outbox-size', '1XB'],
    errors: ['--outbox-size: "1XB" is not a size, such as 256MiB'],
  },
  {
    name: 'TCP without TLS',
    argv: ['--falco', 'h:5060'],
    errors: [
      'daemon h:5060 is reached over TCP, which needs --falco-tls-ca, --falco-tls-cert and --falco-tls-key together',
    ],
  },
  {
    name: 'half a login',
    argv: [...LOKI, '--loki-user', 'u'],
    errors: ['--loki-user and --loki-password-file are needed together'],
  },
  {
    name: 'login in the address',
    argv: ['--loki-url', 'http://u:p@l'],
    errors: [
      '--loki-url: "http://u:p@l" is not an http:// or https:// address without user and password',
    ],
  },
  {
    name: 'tenant without Loki',
    argv: ['--loki-tenant', 't'],
    errors: ['--loki-tenant means nothing without --loki-url'],
  },
  {
    name: 'no daemon and no intake',
    argv: ['--falco', 'none'],
    errors: ['--falco none leaves no way in: give an --intake-listen'],
  },
  {
    name: 'the intake alone',
    argv: ['--falco', 'none', '--intake-listen', ':2801'],
    config: { daemons: [], intake: { listen: { host: '0.0.0.0', port: 2801 } } },
  },
  {
    name: 'names and directories of daemons',
    argv: ['--falco', 'dir:///run/falco'],
    config: { daemons: [{ kind: 'directory', path: '/run/falco' }] },
  },
  {
    name: 'labels',
    argv: ['--extra-label', 'image=container.image', '--static-label', 'cluster=west'],
    config: {
      labels: {
        extra: [{ name: 'image', field: 'container.image' }],
        fixed: [{ name: 'cluster', value: 'west' }],
      },
    },
  },
  {
    name: 'label twice',
    argv: ['--extra-label', 'a=x', '--static-label', 'a=y'],
    errors: ['label a is given twice'],
  },
  {
    name: 'label that is ours',
    argv: ['--static-label', 'rule=x'],
    errors: ['--static-label: "rule=x" is not LABEL=VALUE, such as cluster=west'],
  },
  {
    name: 'broken expression',
    argv: ['--series-filter', 'rule=~(('],
    errors: [
      '--series-filter: "rule=~((" is not FIELD=VALUE, FIELD!=VALUE, FIELD=~REGEX or FIELD!~REGEX',
    ],
  },
  {
    name: 'priority by name or number',
    argv: ['--series-min-priority', 'warning', ...LOKI, '--loki-min-priority', '3'],
    config: { seriesSelection: { minPriority: 4 }, loki: { selection: { minPriority: 3 } } },
  },
  {
    name: 'secret in a header',
    argv: [...LOKI, '--loki-header', 'Authorization=Bearer x'],
    errors: [/^--loki-header: "Authorization=Bearer x" is not NAME=VALUE/.source],
  },
  {
    name: 'login twice',
    argv: [...LOKI, '--loki-user=u', '--loki-password-file=p', '--loki-token-file=t'],
    errors: ['--loki-token-file and --loki-user exclude each other'],
  },
  {
    name: 'members of an Alertmanager cluster',
    environment: { PEREGRINE_ALERTMANAGER_URL: 'http://a:9093, http://b:9093' },
    config: { alertmanager: { urls: [{ host: 'a:9093' }, { host: 'b:9093' }] } },
  },
  {
    name: 'variables of a Kubernetes Service that has our name',
    environment: {
      PEREGRINE_SERVICE_HOST: '10.0.0.1',
      PEREGRINE_SERVICE_PORT_METRICS: '9376',
      PEREGRINE_PORT: 'tcp://10.0.0.1:9376',
      PEREGRINE_METRICS_PORT_9376_TCP_ADDR: '10.0.0.1',
    },
    config: { hostname: /./ },
  },
  {
    name: 'unknown variable',
    environment: { PEREGRINE_FALCOO: 'x' },
    errors: ['unknown environment variable PEREGRINE_FALCOO: did you mean PEREGRINE_FALCO?'],
  },
]

function run({ argv = [], environment = {}, file }: Case): Command {
  const args = file === undefined ? argv : ['--config', 'c.yaml', ...argv]
  return parseCommand(args, { environment, readText: () => file ?? '' })
}

for (const given of CASES) {
  const command = run(given)
  if (given.errors !== undefined) {
    t.equal(command.kind, 'refused', given.name)
    const found = command.kind === 'refused' ? command.errors : []
    t.equal(found.length, given.errors.length, `${given.name}: ${found.join(' | ')}`)
    for (const [index, expected] of given.errors.entries()) {
      const isPattern = expected.startsWith('^')
      t.match(found[index], isPattern ? new RegExp(expected) : expected, given.name)
    }
    continue
  }
  t.match(command, { kind: 'run', config: given.config }, given.name)
}

void t.test('no file and no arguments make it throw', (t) => {
  const names = fc.constantFrom(...SETTINGS.map(({ name }) => name), 'config', 'x')
  const lines = fc.array(fc.tuple(names, fc.string()).map(([name, text]) => `${name}: ${text}`))
  const file = fc.oneof(
    fc.string(),
    lines.map((all) => all.join('\n')),
  )
  const argv = fc.array(
    fc.oneof(
      fc.string(),
      names.map((name) => `--${name}`),
    ),
  )
  fc.assert(
    fc.property(file, argv, (text, args) => {
      const command = run({ name: '', file: text, argv: args })
      return command.kind !== 'refused' || command.errors.length > 0
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

void t.test('every setting is in the help; the configuration in force reads back', (t) => {
  const help = parseCommand(['--help'], { environment: {}, readText: () => '' })
  const text = help.kind === 'print' ? help.text : ''
  for (const { name } of SETTINGS) t.match(text, `--${name} `)
  t.same(
    SETTINGS.map(({ name }) => name),
    SETTINGS.map(({ name }) => name).toSorted(),
    'in order',
  )
  t.matchSnapshot(text)

  const argv = ['--falco', '/a', '--falco', '/b', '--series-budget', '7']
  const printed = run({ name: '', argv: [...argv, '--print-config'] })
  const printedText = printed.kind === 'print' ? printed.text : ''
  t.same(run({ name: '', file: printedText }), run({ name: '', argv }))
  t.end()
})

void t.test('the reference in docs/ is the one that the settings make', (t) => {
  const path = fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url))
  t.equal(readFileSync(path, 'utf8'), renderReference(), 'npm run docs writes it')
  t.end()
})
