/** The version as package.json has it. */
import { readFileSync } from 'node:fs'

/** From dist/src/ up to the package. */
const PACKAGE = new URL('../../package.json', import.meta.url)

export function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(PACKAGE, 'utf8'))
  if (typeof content !== 'object' || content === null || !('version' in content)) return 'unknown'
  return String(content.version)
}
