/** What the log says of losses and of what repeats itself. */
import t from 'tap'
import { createLossWatch } from '../../src/losses.js'
import { createRepeats } from '../../src/repeats.js'
import { createShipHealth } from '../../src/ship/index.js'
import { createHealth } from '../../src/subscribe/index.js'

void t.test('each loss is told with its number and what was last, and told once', (t) => {
  const ship = { ...createShipHealth(), rejection: 'max entry size exceeded' }
  const subscription = createHealth('unix:///falco.sock')
  const invalid = new Map([['not_json' as const, 2]])
  const sample = { text: 'no JSON', atMilliseconds: 1 }
  const ledger = {
    ...{ counted: 0, duplicates: 0, waiting: 0, commits: 0, commitFailures: 0, trouble: undefined },
    ...{ invalid, notices: new Map(), noticesTotal: 0, gaps: new Map(), filtered: 0 },
    ...{ missed: new Map([['retention', 0]]), outboxed: 0, forgotten: 0 },
    lastError: undefined,
    samples: new Map([['not_json' as const, sample]]),
  }
  const told: unknown[] = []
  const check = createLossWatch(
    { subscriptions: () => [subscription], ledger, ship, notify: undefined },
    ({ text, reason, last }, count) => told.push([text, reason, count, last]),
  )
  check()
  t.same(told.splice(0), [['messages are no valid alerts', 'not_json', 2, 'no JSON']])
  check()
  t.same(told, [], 'nothing new')
  ship.dropped.set('rejected', 3)
  subscription.dropped = 4
  invalid.set('not_json', 5)
  check()
  t.same(told, [
    ['messages are no valid alerts', 'not_json', 3, 'no JSON'],
    ['log lines are given up', 'rejected', 3, 'max entry size exceeded'],
    ['alerts came faster than they could be kept', 'unix:///falco.sock', 4, undefined],
  ])
  t.end()
})

void t.test('ten a minute as they come, then the last of the rest with their number', (t) => {
  let now = 5_000
  const due: (() => void)[] = []
  const written: [what: number, heldBack: number][] = []
  const repeats = createRepeats({ now: () => now, later: (_, work) => due.push(work) })
  const write = (what: number): void => {
    repeats((heldBack) => written.push([what, heldBack]))
  }
  for (let what = 1; what <= 25; what++) write(what)
  t.equal(written.length, 10)
  now += 60_000
  for (const work of due.splice(0)) work()
  t.same(written.splice(0).at(-1), [25, 14], 'how it ended is not left out')
  t.same(due, [], 'one wait for all of them')

  write(26)
  t.same(written.splice(0), [[26, 0]])
  now -= 3_600_000
  for (let what = 27; what <= 36; what++) write(what)
  t.equal(written.length, 10, 'a clock that was set back holds nothing')
  t.end()
})
