/**
 * The program `peregrine`, begun: on a Node that is too old it says so in one line.
 *
 * Everything else is loaded behind that check, since libraries of today do not even load there.
 */
import { toNodeFault } from './node-version.js'

const fault = toNodeFault(process.version)
if (fault === undefined) {
  const { main } = await import('./program.js')
  await main(process.argv.slice(2))
} else {
  process.stderr.write(`peregrine: ${fault}\n`)
  process.exitCode = 1
}
