/** npm run docs: writes what is generated from the code. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { renderReference } from '../src/config/reference.js'

writeFileSync(
  fileURLToPath(new URL('../../docs/configuration.md', import.meta.url)),
  renderReference(),
)
