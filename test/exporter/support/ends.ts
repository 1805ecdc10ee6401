/** What most tests of the way to Loki begin with: a daemon and a Loki, in a folder of their own. */
import { join } from 'node:path'
import { sumOf, temporaryDirectory } from './exporter.js'
import { startLoki, type LokiStandIn } from './loki.js'
import { startDaemon, type DaemonOptions, type DaemonStandIn } from './peregrined.js'
import { wireAlert, type WireAlert } from './services.js'

export interface Ends {
  readonly directory: string
  /** As `--falco` takes it. */
  readonly socket: string
  readonly daemon: DaemonStandIn
  readonly loki: LokiStandIn
}

export async function startEnds(
  t: { readonly teardown: (work: () => unknown) => void },
  options: DaemonOptions = {},
): Promise<Ends> {
  const directory = temporaryDirectory(t)
  const socket = `unix:${join(directory, 'daemon.sock')}`
  const daemon = await startDaemon(socket, options)
  t.teardown(daemon.stop)
  const loki = await startLoki()
  t.teardown(loki.close)
  return { directory, socket, daemon, loki }
}

/** Alerts that differ in their text alone. */
export function numbered(count: number, from = 0): WireAlert[] {
  return Array.from({ length: count }, (_, index) => wireAlert({ output: `alert ${from + index}` }))
}

/** Nothing waits for Loki. */
export function isEmpty(page: string): boolean {
  return sumOf(page, 'peregrine_ship_waiting_entries') === 0
}
