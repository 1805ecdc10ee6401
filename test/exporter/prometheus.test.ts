import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

function isAnswer(value: unknown): value is QueryAnswer {
  return typeof value === 'object' && value !== null && 'data' in value
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined

void t.test(
  'the real Prometheus sees one event alone, once, also over a restart',
  { skip: hasPrometheus ? false : 'prometheus is not installed' },
  async (t) => {
    const directory = temporaryDirectory(t)
    const socket = `unix:${join(directory, 'daemon.sock')}`
    const daemon = await startDaemon(socket)
    t.teardown(daemon.stop)
    const listen = `127.0.0.1:${await freePort()}`
    const args = ['--falco', socket, '--state-dir', join(directory, 'state'), '--listen', listen]
    const first = await runExporter(t, args)

    const port = await freePort()
    const config = join(directory, 'prometheus.yml')
    const jobs = `scrape_configs: [{job_name: p, static_configs: [{targets: ['${listen}']}]}]`
    writeFileSync(config, `global: {scrape_interval: 1s, scrape_timeout: 1s}\n${jobs}\n`)
    const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, 'tsdb')}`]
    const address = `127.0.0.1:${port}`
    const prometheus = spawn('prometheus', [...flags, `--web.listen-address=${address}`], {
      stdio: 'ignore',
    })
    t.teardown(() => prometheus.kill('SIGKILL'))

    const ask = async (query: string): Promise<number | undefined> => {
      const url = `http://${address}/api/v1/query?query=${encodeURIComponent(query)}`
      // Not up yet, or up and not ready yet: no answer.
      const response = await fetch(url).catch(() => undefined)
      const answer: unknown = response?.ok === true ? await response.json() : undefined
      const value = isAnswer(answer) ? answer.data.result[0]?.value[1] : undefined
      return value === undefined ? undefined : Number(value)
    }
    await until('scraped', async () => ((await ask('count_over_time(up[1m])')) ?? 0) >= 2)

    daemon.append(wireAlert())
    const increase = 'increase(falco_events[1m])'
    await until('one event increases', async () => ((await ask(increase)) ?? 0) > 0)
    await first.stop()
    const second = await runExporter(t, args)
    const samples = 'count_over_time(falco_events[1m])'
    const before = (await ask(samples)) ?? 0
    await until('scraped again', async () => ((await ask(samples)) ?? 0) >= before + 3)
    t.equal(await ask('resets(falco_events[1m])'), 0, 'no second zero after the restart')
    t.equal(await ask('changes(falco_events[1m])'), 1, '0, then 1, then nothing more')
    t.equal(await ask('min_over_time(falco_events[1m])'), 0)
    t.equal(sumOf(await second.metrics(), 'falco_events'), 1)
  },
)
