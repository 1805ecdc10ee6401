/**
 * From a deed to the webhook: the real daemon, exporter, Prometheus and Alertmanager, and our
 * receiver, by the shipped configuration with its intervals. Only the addresses differ.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startReceiver, type Notified } from '../../../src/receiver/receiver.js'
import { startDaemon, type RuleText, type Test } from '../../e2e/support/daemon.js'
import {
  freePort,
  runExporter,
  temporaryDirectory,
  until,
} from '../../exporter/support/exporter.js'
import { ROOT } from './run.js'
import { at, list } from './values.js'

/** Other builds may be tried, such as the versions that docker-compose.yml names. */
export const PROGRAMS = {
  prometheus: process.env.PROMETHEUS ?? 'prometheus',
  alertmanager: process.env.ALERTMANAGER ?? 'prometheus-alertmanager',
} as const

/** `at` is when the webhook was told. */
export type Told = Notified & { readonly at: number }

export interface Chain {
  /** What is firing, in the order in which the webhook was told. */
  told(): readonly Told[]
  /** Runs a program with this argument, for rules to ask for. */
  deed(mark: string): void
  /** The result of a query; undefined while nobody answers. */
  ask(query: string): Promise<readonly unknown[] | undefined>
  readonly alertmanager: string
}

/** A condition that the deed with this mark meets, and nothing else on the machine. */
export function marked(mark: string): string {
  return `evt.type = execve and proc.args = ${mark}`
}

/** Resolves when Prometheus has scraped the exporter. */
export async function startChain(t: Test, rules: readonly RuleText[]): Promise<Chain> {
  const directory = temporaryDirectory(t)
  const told: Told[] = []
  const receiver = await startReceiver({
    host: '127.0.0.1',
    port: 0,
    clock: Date.now,
    notified: (alert) => {
      if (alert.status === 'firing') told.push({ ...alert, at: Date.now() })
    },
  })
  t.teardown(() => receiver.close())
  const alertmanager = await startAlertmanager(t, directory, receiver.port)
  const daemon = await startDaemon(t, { rules, stdout: 'off' })
  const args = ['--falco', daemon.address, '--state-dir', join(directory, 'store')]
  const exporter = await runExporter(t, [...args, '--alertmanager-url', `http://${alertmanager}`])
  const prometheus = await startPrometheus(t, directory, {
    'alertmanager:9093': alertmanager,
    'peregrine:9376': exporter.address.replace('http://', ''),
  })
  const ask = async (query: string): Promise<readonly unknown[] | undefined> => {
    const answer = await get(`http://${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`)
    return answer === undefined ? undefined : list(at(answer, 'data', 'result'))
  }
  await until('Prometheus has scraped', async () => {
    return ((await ask('peregrine_subscribe_connected == 1'))?.length ?? 0) > 0
  })
  return {
    told: () => told,
    deed: (mark) => spawn('/bin/true', [mark], { stdio: 'ignore' }),
    ask,
    alertmanager: `http://${alertmanager}`,
  }
}

/** JSON; undefined of an error, or where nobody listens yet. */
async function get(url: string): Promise<unknown> {
  const response = await fetch(url).catch(() => undefined)
  return response?.ok === true ? response.json() : undefined
}

export async function startAlertmanager(
  t: Test,
  directory: string,
  webhook: number,
): Promise<string> {
  const config = shipped('alerting/alertmanager/alertmanager.yml', {
    'http://receiver:9377/': `http://127.0.0.1:${webhook}/`,
    'templates/*.tmpl': join(ROOT, 'alerting/alertmanager/templates/*.tmpl'),
  })
  const file = join(directory, 'alertmanager.yml')
  writeFileSync(file, config)
  const address = `127.0.0.1:${await freePort()}`
  start(t, PROGRAMS.alertmanager, [
    `--config.file=${file}`,
    `--storage.path=${join(directory, 'alertmanager')}`,
    `--web.listen-address=${address}`,
    '--cluster.listen-address=',
  ])
  return address
}

async function startPrometheus(
  t: Test,
  directory: string,
  addresses: Readonly<Record<string, string>>,
): Promise<string> {
  const config = shipped('deploy/prometheus/prometheus.yml', {
    ...addresses,
    'rules/*.rules.yml': join(ROOT, 'alerting/prometheus/*.rules.yml'),
  })
  const file = join(directory, 'prometheus.yml')
  writeFileSync(file, config)
  const data = join(directory, 'prometheus')
  mkdirSync(data)
  const address = `127.0.0.1:${await freePort()}`
  start(t, PROGRAMS.prometheus, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=${address}`,
  ])
  return address
}

/** A configuration as it is in the repository, but for some words. */
export function shipped(path: string, words: Readonly<Record<string, string>>): string {
  return Object.entries(words).reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${path} does not say ${from}`)
      return text.replace(from, to)
    },
    readFileSync(join(ROOT, path), 'utf8'),
  )
}

function start(t: Test, program: string, args: readonly string[]): void {
  const child = spawn(program, args, { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
}
