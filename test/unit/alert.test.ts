import t from 'tap'
import { toAlert, withContainerAsPod, type RawAlert } from '../../src/alert.js'

function raw(changes: Partial<RawAlert> = {}): RawAlert {
  return {
    timeSeconds: 1,
    timeNanos: 5,
    priority: 2,
    rule: 'Rule',
    output: 'text',
    fields: new Map(),
    hostname: 'node',
    tags: ['b', 'a', 'b'],
    source: 'syscall',
    position: undefined,
    gap: undefined,
    ...changes,
  }
}

const GAP = { firstSequence: 1n, lastSequence: 2n, reason: 'retention' }

const CASES: readonly [name: string, given: Partial<RawAlert>, expected: object][] = [
  ['usual', {}, { kind: 'detection', timeNanoseconds: 1_000_000_005n, tags: ['a', 'b'] }],
  ['notice', { source: 'internal' }, { kind: 'notice' }],
  ['no host name', { hostname: '' }, { hostname: 'fallback' }],
  ['host name in words', { hostname: '<NA>' }, { hostname: 'fallback' }],
  ['no rule', { rule: '' }, { kind: 'invalid', reason: 'rule_missing' }],
  ['rule in words', { rule: 'null' }, { kind: 'invalid', reason: 'rule_missing' }],
  ['gap needs no rule', { rule: '', gap: GAP, source: 'internal' }, { kind: 'notice' }],
  ['priority 8', { priority: 8 }, { kind: 'invalid', reason: 'priority_unknown' }],
  ['priority -1', { priority: -1 }, { kind: 'invalid', reason: 'priority_unknown' }],
  ['before 1970', { timeSeconds: -1 }, { kind: 'invalid', reason: 'time_out_of_range' }],
  ['year 10000', { timeSeconds: 253_402_300_800 }, { reason: 'time_out_of_range' }],
  ['nanoseconds', { timeNanos: 1_000_000_000 }, { reason: 'time_out_of_range' }],
  ['1970', { timeSeconds: 0, timeNanos: 0 }, { kind: 'detection', timeNanoseconds: 0n }],
]

for (const [name, given, expected] of CASES)
  t.match(toAlert(raw(given), 'fallback'), expected, name)

void t.test('without Kubernetes a container may stand as its own pod', (t) => {
  const pods: readonly [fields: readonly (readonly [string, string])[], pod: string | undefined][] =
    [
      [[['container.name', 'web']], 'web'],
      [
        [
          ['container.name', 'web'],
          ['k8s.pod.name', 'null'],
        ],
        'web',
      ],
      [
        [
          ['container.name', 'web'],
          ['k8s.pod.name', 'web-0'],
        ],
        'web-0',
      ],
      [[['container.name', 'host']], undefined],
      [[['container.name', '<NA>']], undefined],
      [[], undefined],
    ]
  for (const [fields, pod] of pods) {
    const alert = toAlert(raw({ fields: new Map(fields) }), 'fallback')
    if (alert.kind === 'invalid') throw new Error(alert.reason)
    t.equal(withContainerAsPod(alert).fields.get('k8s.pod.name'), pod)
  }
  t.end()
})
