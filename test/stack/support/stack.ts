/**
 * `docker compose up` of this repository on an engine that reaches no registry: our two images are
 * built by their Dockerfiles, and Debian's Prometheus and Alertmanager stand in the others' places,
 * with the shipped configuration.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeNodeRoot, makeRuntimeRoot, makeRustRoot, makeServerRoot } from './roots.js'

/** Settings of docker-compose.yml that name the images below. */
export const IMAGES = {
  BASE_IMAGE: 'localhost/root:runtime',
  PEREGRINED_BUILD_IMAGE: 'localhost/root:rust',
  PEREGRINE_BUILD_IMAGE: 'localhost/root:node',
  PROMETHEUS_IMAGE: 'localhost/root:prometheus',
  ALERTMANAGER_IMAGE: 'localhost/root:alertmanager',
  PEREGRINED_IMAGE: 'localhost/peregrined:local',
  PEREGRINE_IMAGE: 'localhost/peregrine:local',
} as const

export const METRICS = 'http://127.0.0.1:9376/metrics'
export const PROMETHEUS = 'http://127.0.0.1:9090/api/v1'

type Import = (name: string, root: string, ...changes: readonly string[]) => void

/** Makes the images to build from, and those of the servers, in folders below `directory`. */
export function makeImages(directory: string, image: Import): void {
  const make = (name: string, fill: (root: string) => void, ...changes: string[]): void => {
    const root = join(directory, name)
    fill(root)
    image(`localhost/root:${name}`, root, ...changes)
  }
  make('runtime', makeRuntimeRoot)
  make('rust', makeRustRoot)
  make('node', makeNodeRoot)
  for (const [name, tool] of Object.entries({ prometheus: 'promtool', alertmanager: 'amtool' })) {
    const fill = (root: string): void => {
      makeServerRoot(root, name, tool)
    }
    make(name, fill, `ENTRYPOINT ["/bin/${name}"]`, 'USER 65534')
  }
}

/** A folder with one rule, to mount where users put theirs. */
export function writeRule(directory: string, rule: Readonly<Record<string, unknown>>): string {
  const rules = join(directory, 'rules.d')
  mkdirSync(rules)
  writeFileSync(join(rules, 'own.yaml'), `- ${JSON.stringify(rule)}\n`)
  return rules
}
