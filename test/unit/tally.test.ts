import t from 'tap'
import { createTally, type Tally } from '../e2e/support/tally.js'

/** Each of a thousand alerts printed and shipped, but for one. */
function tallied(leftOut?: number): Tally {
  const tally = createTally(2_000)
  for (let number = 0; number < 1_000; number++) {
    tally.printed(number)
    if (number !== leftOut) tally.shipped(number, number)
  }
  return tally
}

void t.test('the check of the chaos run notices one alert among a thousand', (t) => {
  const right = tallied()
  t.same(right.faults(1_000), [])
  t.same(right.faults(1_001), ['counted 1001, shipped 1000'])
  right.shipped(5, 5)
  t.same(right.faults(1_000), [], 'the same to the byte is what Loki drops')
  right.shipped(1_500, 7)
  t.same(right.faults(1_001), [], 'in the journal, and killed before it was printed')
  right.shipped(5, 6)
  t.same(right.faults(1_001), ['doubled: 5', 'counted 1001, shipped 1002'])
  t.same(tallied(0).faults(999), ['missing: 0'])
  t.same(tallied(999).faults(1_000), ['missing: 999', 'counted 1000, shipped 999'])
  t.end()
})
