import t from 'tap'
import { findFaults } from '../e2e/support/tally.js'

const shipped = Array.from({ length: 1_000 }, (_, index) => ({
  id: `s:${index}`,
  line: `alert ${index}`,
}))
const printed = shipped.map(({ line }) => line)

void t.test('the check of the chaos run notices one alert among a thousand', (t) => {
  t.same(findFaults({ printed, shipped, counted: 1_000 }), [])
  t.match(findFaults({ printed, shipped: shipped.slice(1), counted: 999 }), ['missing: alert 0'])
  const [first] = shipped
  const doubled = first === undefined ? shipped : [...shipped, first]
  t.match(findFaults({ printed, shipped: doubled, counted: 1_001 }), [
    'doubled: 1 ids',
    'doubled: 1 lines',
    'counted 1001, shipped 1000',
  ])
  const again = [...shipped, { id: 's:other', line: 'alert 0' }]
  t.same(findFaults({ printed, shipped: again, counted: 1_001 }), ['doubled: 1 lines'])
  t.same(findFaults({ printed, shipped, counted: 1_001 }), ['counted 1001, shipped 1000'])
  t.end()
})
