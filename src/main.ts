/** The program `peregrine`: command line in, exit code out, signals. */
import { readFileSync } from 'node:fs'
import { destination, pino, type Logger } from 'pino'
import { parseCommand, type Config } from './config/index.js'
import { startExporter, type Exporter } from './exporter.js'
import { readVersion } from './version.js'

const EXIT_UNUSABLE = 1
const EXIT_USAGE = 2

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), {
    environment: process.env,
    readText: (path) => readFileSync(path, 'utf8'),
  })
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
    case 'run':
      await run(command.config)
  }
}

async function run(config: Config): Promise<void> {
  const log = pino({ level: config.logLevel, base: null }, destination({ dest: 2, sync: true }))
  let exporter: Exporter
  try {
    exporter = await startExporter(config, log, readVersion())
  } catch (error) {
    process.stderr.write(`peregrine: ${describe(error, config)}\n`)
    process.exitCode = EXIT_UNUSABLE
    return
  }
  const address = `http://${config.listen.host}:${exporter.port}`
  log.info({ address, version: readVersion() }, 'listening')
  stopOnSignals(exporter, log)
}

/** The first signal stops in order, a second one at once. */
function stopOnSignals(exporter: Exporter, log: Logger): void {
  let isStopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(EXIT_UNUSABLE)
    isStopping = true
    log.info({ signal }, 'stopping')
    exporter.close().then(
      () => {
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

function describe(error: unknown, config: Config): string {
  if (!(error instanceof Error)) return String(error)
  const { host, port } = config.listen
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return `port ${port} on ${host} is taken: stop what listens there, or give another --listen`
  }
  if (code === 'EACCES') {
    return `may not listen on ${host}:${port}: take a port above 1023 with --listen`
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is no address of this machine: give another --listen`
  }
  return error.message
}

await main()
