/** The program `peregrine`: command line in, exit code out, signals. */
import { readFileSync } from 'node:fs'
import { destination, pino, type Logger } from 'pino'
import { parseCommand, type Command, type Config } from './config/index.js'
import { runDoctor } from './doctor.js'
import { startExporter, type Exporter } from './exporter.js'
import { checkHealth } from './healthcheck.js'
import { startReceiver } from './receiver/index.js'
import { readVersion } from './version.js'

const EXIT_UNUSABLE = 1
const EXIT_USAGE = 2
/** What still waits is on disk; a stop that hangs helps nobody. */
const STOP_DEADLINE_MILLISECONDS = 20_000

export async function main(argv: readonly string[]): Promise<void> {
  const command = parse(argv)
  switch (command.kind) {
    case 'print':
      process.stdout.write(command.text)
      return
    case 'version':
      process.stdout.write(`peregrine ${readVersion()}\n`)
      return
    case 'refused':
      for (const error of command.errors) process.stderr.write(`peregrine: ${error}\n`)
      process.exitCode = EXIT_USAGE
      return
    case 'healthcheck': {
      const trouble = await checkHealth(command.config)
      if (trouble === undefined) return
      process.stderr.write(`peregrine: ${trouble}\n`)
      process.exitCode = EXIT_UNUSABLE
      return
    }
    case 'doctor': {
      const isWell = await runDoctor(command.config, (line) => process.stdout.write(`${line}\n`))
      if (!isWell) process.exitCode = EXIT_UNUSABLE
      return
    }
    case 'receiver':
      await receive(command.listen, command.grafana)
      return
    case 'run':
      await run(command.config, argv)
  }
}

function parse(argv: readonly string[]): Command {
  return parseCommand(argv, {
    environment: process.env,
    readText: (path) => readFileSync(path, 'utf8'),
  })
}

async function run(config: Config, argv: readonly string[]): Promise<void> {
  const log = pino({ level: config.logLevel, base: null }, destination({ dest: 2, sync: true }))
  let exporter: Exporter
  try {
    exporter = await startExporter(config, log, readVersion())
  } catch (error) {
    process.stderr.write(`peregrine: ${describe(error, config)}\n`)
    process.exitCode = EXIT_UNUSABLE
    return
  }
  const address = `${exporter.scheme}://${config.listen.host}:${exporter.port}`
  log.info({ address, version: readVersion() }, 'listening')
  if (exporter.intakePort !== undefined) {
    log.info(
      { intake: `${config.intake?.listen.host ?? ''}:${exporter.intakePort}` },
      'intake open',
    )
  }
  reloadOnSignal(exporter, log, { config, argv })
  stopOnSignals(exporter, log)
}

/** What a reload takes over; the rest is named, since it waits for a restart. */
const RELOADED: ReadonlySet<string> = new Set([
  'daemons',
  'tls',
  'webConfigFile',
  'logLevel',
  'seriesSelection',
])

/** Of the settings of a target. */
const RELOADED_PARTS: ReadonlySet<string> = new Set(['selection', 'login', 'headers'])

function reloadOnSignal(
  exporter: Exporter,
  log: Logger,
  { config, argv }: { readonly config: Config; readonly argv: readonly string[] },
): void {
  const reload = async (): Promise<void> => {
    const command = parse(argv)
    if (command.kind !== 'run') {
      exporter.reloads.failed++
      const errors = command.kind === 'refused' ? command.errors : []
      log.error({ errors }, 'configuration is refused; the old one stays')
      return
    }
    try {
      const settled = await exporter.reload(command.config)
      exporter.reloads.succeeded++
      const waiting = [...findChanges(config, command.config), ...settled]
      log.info({ restartNeededFor: waiting }, 'configuration reloaded')
    } catch (error) {
      exporter.reloads.failed++
      log.error({ err: describe(error, config) }, 'configuration is refused; the old one stays')
    }
  }
  process.on('SIGHUP', () => void reload())
}

function findChanges(before: Config, after: Config): readonly string[] {
  const text = (value: unknown): string =>
    JSON.stringify(value, (key, part: unknown) => {
      if (RELOADED_PARTS.has(key)) return undefined
      // On or off stays; the files are read anew.
      if (key === 'tls' && typeof part === 'object') return 'on'
      if (key === 'clientCa' && part !== undefined) return 'on'
      return part instanceof Map ? [...part] : part
    })
  const values = new Map(Object.entries(before))
  return Object.entries(after)
    .filter(([key, value]) => !RELOADED.has(key) && text(value) !== text(values.get(key)))
    .map(([key]) => key)
}

/** The first signal stops in order, a second one at once. */
function stopOnSignals(exporter: Exporter, log: Logger): void {
  let isStopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(EXIT_UNUSABLE)
    isStopping = true
    log.info({ signal }, 'stopping')
    const deadline = setTimeout(() => {
      log.error('did not stop in time; what waits is on disk')
      process.exit(EXIT_UNUSABLE)
    }, STOP_DEADLINE_MILLISECONDS)
    exporter.close().then(
      () => {
        clearTimeout(deadline)
        log.info('stopped')
      },
      (error: unknown) => {
        log.error({ err: String(error) }, 'stopped with an error')
        process.exit(EXIT_UNUSABLE)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

async function receive(listen: Config['listen'], grafana: Config['grafana']): Promise<void> {
  const receiver = await startReceiver({
    ...listen,
    grafana,
    clock: Date.now,
    notified: (alert) => process.stdout.write(`${JSON.stringify(alert)}\n`),
  }).catch((error: unknown) => {
    process.stderr.write(`peregrine: ${describe(error, { listen })}\n`)
    process.exitCode = EXIT_UNUSABLE
  })
  if (receiver === undefined) return
  process.stderr.write(`peregrine: receiver at http://${listen.host}:${receiver.port}\n`)
  const stop = (): void => void receiver.close()
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

function describe(error: unknown, { listen }: Pick<Config, 'listen'>): string {
  if (!(error instanceof Error)) return String(error)
  const { host, port } = listen
  const code = 'code' in error ? error.code : undefined
  // The intake's own address may be the one that is taken.
  const place = 'port' in error ? `${host}:${String(error.port)}` : `${host}:${port}`
  if (code === 'EADDRINUSE') {
    return `${toPort(place)} on ${host} is taken: stop what listens there, or give another --listen or --intake-listen`
  }
  if (code === 'EACCES') {
    return `may not listen on ${place}: take a port above 1023 with --listen`
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine: give another --listen`
  }
  return error.message
}

function toPort(place: string): string {
  return `port ${place.slice(place.lastIndexOf(':') + 1)}`
}
