import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { toLabels, type LabelConfig } from '../../src/series/labels.js'
import { alertOf } from '../unit/support.js'
import { freePort, runExporter, sumOf, temporaryDirectory, until } from './support/exporter.js'
import { startDaemon } from './support/peregrined.js'
import { wireAlert } from './support/services.js'

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
}

type Labels = Readonly<Record<string, string>>

function isSeries(value: unknown): value is { readonly data: readonly Labels[] } {
  return typeof value === 'object' && value !== null && 'data' in value && Array.isArray(value.data)
}

function isAnswer(value: unknown): value is QueryAnswer {
  return typeof value === 'object' && value !== null && 'data' in value
}

const hasPrometheus = spawnSync('prometheus', ['--version']).error === undefined

void t.test(
  'the real Prometheus sees one event alone, once, also over a restart',
  { skip: hasPrometheus ? false : 'prometheus is not installed' },
  async (t) => {
    const { directory, daemon, listen, args } = await setScene(t)
    const first = await runExporter(t, args)

    const { ask } = await startPrometheus(t, join(directory, 'prometheus'), listen)
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

    // Through the real parser: what a label says there is what it says here.
    daemon.append(wireAlert({ rule: 'a "quoted" \\ {é}=\n,\u{1f980}', source: 'x' }))
    const spelt = String.raw`"a \"quoted\" \\ {é}=?,🦀"`
    const hostile = `falco_events{rule=${spelt},source="x"}`
    await until('labels come through', async () => ((await ask(hostile)) ?? 0) === 1)
  },
)

void t.test(
  'labels of any text come through the real parser as they are',
  { skip: hasPrometheus ? false : 'prometheus is not installed' },
  async (t) => {
    const { directory, daemon, listen, args } = await setScene(t)
    const labels = ['--extra-label', 'process=proc.name', '--static-label', 'cluster=we"st\\']
    const exporter = await runExporter(t, [...args, ...labels, '--priority-label', 'name'])

    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 100 })
    const all = fc.sample(fc.tuple(text, text, text, text, text), 200)
    const alerts = all.map(([rule, hostname, tag, pod, process], index) => ({
      ...{ rule: `${index} ${rule}`, hostname, tags: [tag] },
      fields: { 'k8s.ns.name': 'shop', 'k8s.pod.name': pod, 'proc.name': process },
    }))
    for (const { fields, ...rest } of alerts) {
      daemon.append(wireAlert({ ...rest, output_fields: fields }))
    }
    const isCounted = async (): Promise<boolean> =>
      sumOf(await exporter.metrics(), 'falco_events') === alerts.length
    await until('counted', isCounted)
    const { ask, labelsOf } = await startPrometheus(t, join(directory, 'prometheus'), listen)
    const count = 'count(falco_events)'
    await until('scraped', async () => ((await ask(count)) ?? 0) === alerts.length, 90_000)

    const config: LabelConfig = {
      extra: [{ name: 'process', field: 'proc.name' }],
      fixed: [],
      priority: 'name',
    }
    const expected = alerts.map(({ fields, ...rest }) => {
      const alert = alertOf({ ...rest, fields: new Map(Object.entries(fields)) })
      const { extra, ...seven } = toLabels(alert, config)
      return { ...seven, ...Object.fromEntries(extra), cluster: 'we"st\\' }
    })
    const found = await labelsOf('falco_events')
    const byRule = new Map(found.map((one) => [one.rule, one]))
    for (const one of expected) {
      const { __name__, instance, job, ...own } = byRule.get(one.rule) ?? {}
      // For Prometheus an empty label is none.
      t.same(own, Object.fromEntries(Object.entries(one).filter(([, value]) => value !== '')))
      t.match([__name__, instance, job], ['falco_events', listen, 'p'])
    }
  },
)

void t.test(
  'a series that was idle leaves, and comes back without counting its history again',
  { skip: hasPrometheus ? false : 'prometheus is not installed', timeout: 300_000 },
  async (t) => {
    const { directory, daemon, listen, args } = await setScene(t)
    const idle = [...args, '--series-idle', '4s']
    const exporter = await runExporter(t, idle)
    const { ask } = await startPrometheus(t, join(directory, 'prometheus'), listen)
    await until('scraped', async () => ((await ask('count_over_time(up[1m])')) ?? 0) >= 2)

    daemon.append(wireAlert(), wireAlert(), wireAlert())
    await until('three', async () => (await ask('falco_events')) === 3)
    const hidden = async (): Promise<number> =>
      sumOf(await exporter.metrics(), 'peregrine_series_hidden')
    await until('hidden', async () => (await hidden()) === 1)
    await until('gone', async () => (await ask('falco_events')) === undefined)
    t.equal(sumOf(await exporter.metrics(), 'falco_events'), 0)

    // It is not forgotten by a restart either.
    await exporter.stop()
    const again = await runExporter(t, idle)
    t.equal(sumOf(await again.metrics(), 'peregrine_series_hidden'), 1)
    daemon.append(wireAlert())
    await until('four', async () => (await ask('falco_events')) === 4)
    t.equal(await ask('resets(falco_events[5m])'), 0)
    t.equal(await ask('changes(falco_events[5m])'), 2, '0, 3, then 3 again and 4')
    t.equal(await ask('max_over_time(falco_events[5m]) - min_over_time(falco_events[5m])'), 4)
  },
)

interface Scene {
  readonly directory: string
  readonly daemon: Awaited<ReturnType<typeof startDaemon>>
  /** Where the exporter listens. */
  readonly listen: string
  /** With which it subscribes to the daemon. */
  readonly args: readonly string[]
}

/** A daemon, and room for an exporter and a Prometheus that looks for it at one address. */
async function setScene(t: { readonly teardown: (work: () => unknown) => void }): Promise<Scene> {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const daemon = await startDaemon(socket)
  t.teardown(daemon.stop)
  const listen = `127.0.0.1:${await freePort()}`
  const args = ['--falco', socket, '--state-dir', join(directory, 'state'), '--listen', listen]
  return { directory, daemon, listen, args }
}

interface Prometheus {
  readonly ask: (query: string) => Promise<number | undefined>
  readonly labelsOf: (selector: string) => Promise<readonly Labels[]>
  stop(): Promise<void>
}

/** One that scrapes each second; with a directory that was used before it goes on there. */
async function startPrometheus(
  t: { readonly teardown: (work: () => unknown) => void },
  directory: string,
  target: string,
): Promise<Prometheus> {
  mkdirSync(directory, { recursive: true })
  const config = join(directory, 'prometheus.yml')
  const jobs = `scrape_configs: [{job_name: p, static_configs: [{targets: ['${target}']}]}]`
  writeFileSync(config, `global: {scrape_interval: 1s, scrape_timeout: 1s}\n${jobs}\n`)
  const address = `127.0.0.1:${await freePort()}`
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, 'tsdb')}`]
  const child = spawn('prometheus', [...flags, `--web.listen-address=${address}`], {
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve()
    })
  })
  t.teardown(() => child.kill('SIGKILL'))
  const ask = async (query: string): Promise<number | undefined> => {
    const url = `http://${address}/api/v1/query?query=${encodeURIComponent(query)}`
    const response = await fetch(url).catch(() => undefined)
    const answer: unknown = response?.ok === true ? await response.json() : undefined
    const value = isAnswer(answer) ? answer.data.result[0]?.value[1] : undefined
    return value === undefined ? undefined : Number(value)
  }
  return {
    ask,
    async labelsOf(selector) {
      const url = `http://${address}/api/v1/series?match[]=${encodeURIComponent(selector)}`
      const answer: unknown = await (await fetch(url)).json()
      return isSeries(answer) ? answer.data : []
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

void t.test(
  'two Prometheus servers each see each event once, whoever is restarted meanwhile',
  { skip: hasPrometheus ? false : 'prometheus is not installed', timeout: 300_000 },
  async (t) => {
    const { directory, daemon, listen, args } = await setScene(t)
    const exporter = await runExporter(t, args)
    const start = (name: string): Promise<Prometheus> =>
      startPrometheus(t, join(directory, name), listen)
    const servers = await Promise.all([start('a'), start('b')])
    const everywhere = async (what: string, query: string, least: number): Promise<void> => {
      await until(
        what,
        async () => {
          const values = await Promise.all(servers.map((server) => server.ask(query)))
          return values.every((value) => (value ?? 0) > least)
        },
        90_000,
      )
    }
    await everywhere('both scrape', 'count_over_time(up[1m])', 1)
    const increased = (rule: string): Promise<void> =>
      everywhere(`${rule} increases`, `increase(falco_events{rule="${rule}"}[10m])`, 0)

    daemon.append(wireAlert({ rule: 'one' }))
    await increased('one')

    await servers[0].stop()
    daemon.append(wireAlert({ rule: 'while a is away' }))
    const elsewhere = 'increase(falco_events{rule="while a is away"}[10m])'
    await until('b alone', async () => ((await servers[1].ask(elsewhere)) ?? 0) > 0, 90_000)
    servers[0] = await start('a')
    await increased('while a is away')

    await exporter.kill()
    daemon.append(wireAlert({ rule: 'while nobody exports' }))
    await everywhere('failed scrapes', '1 - min_over_time(up[1m])', 0)
    await runExporter(t, args)
    await increased('while nobody exports')

    for (const server of servers) {
      t.equal(await server.ask('max(resets(falco_events[10m]))'), 0, 'nothing is counted again')
      t.equal(await server.ask('max(changes(falco_events[10m]))'), 1, '0, then 1')
      t.equal(await server.ask('max(min_over_time(falco_events[10m]))'), 0)
      t.equal(await server.ask('count(count_over_time(falco_events[10m]))'), 3)
    }
  },
)
