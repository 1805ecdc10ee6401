/** Which Node can run this program. */
import { readFileSync } from 'node:fs'

/** From dist/src/ up to the package. */
const PACKAGE = new URL('../../package.json', import.meta.url)

/** What is wrong with this version of Node, and what to do; undefined of one that serves. */
export function toNodeFault(version: string, range = readRange()): string | undefined {
  const [wantedMajor = 0, wantedMinor = 0] = toNumbers(range)
  const [major = 0, minor = 0] = toNumbers(version)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return undefined
  return (
    `Node ${version} is too old, ${range} is needed: ` +
    'run it with node_modules/.bin/node, which this package pins, or by "npm run exporter --"'
  )
}

function toNumbers(text: string): readonly number[] {
  return text
    .replace(/^[^\d]*/, '')
    .split('.')
    .map(Number)
}

function readRange(): string {
  const content: unknown = JSON.parse(readFileSync(PACKAGE, 'utf8'))
  if (typeof content !== 'object' || content === null || !('engines' in content)) return '>=22.19'
  const { engines } = content
  if (typeof engines !== 'object' || engines === null || !('node' in engines)) return '>=22.19'
  return String(engines.node)
}
