import { readFileSync } from 'node:fs'
import t from 'tap'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'dependencies' in value
}

const manifest: unknown = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
)

t.ok(isManifest(manifest))
if (isManifest(manifest)) {
  t.equal(process.version, `v${manifest.dependencies.node ?? ''}`, 'the pinned Node runs the tests')
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    t.match(version, /^\d+\.\d+\.\d+$/, `${name} is pinned exactly`)
  }
}
