import t from 'tap'
import type { Alert, Position } from '../../src/alert.js'
import { createPositions, sift } from '../../src/ledger/sift.js'
import { alertOf } from './support.js'

function at(sequence: number, streamId = 's'): Position {
  return { streamId, sequence: BigInt(sequence) }
}
function placed(sequence: number, streamId = 's'): Alert {
  return alertOf({ position: at(sequence, streamId) })
}
function gapOf(first: number, last: number, reason = 'retention', position?: Position): Alert {
  const gap = { firstSequence: BigInt(first), lastSequence: BigInt(last), reason }
  return alertOf({ kind: 'notice', source: 'internal', gap, position })
}

interface Case {
  readonly name: string
  readonly kept?: readonly [daemon: string, position: Position][]
  readonly given: readonly [daemon: string, alerts: readonly Alert[], newest?: Position][]
  readonly detections: number
  readonly duplicates?: number
  readonly gaps?: number
  readonly positions: readonly [daemon: string, position: Position][]
}

const CASES: readonly Case[] = [
  {
    name: 'new ones move the position',
    given: [['d', [placed(1), placed(2)]]],
    detections: 2,
    positions: [['d', at(2)]],
  },
  {
    name: 'known ones are skipped',
    kept: [['d', at(2)]],
    given: [['d', [placed(1), placed(2), placed(3)]]],
    detections: 1,
    duplicates: 2,
    positions: [['d', at(3)]],
  },
  {
    name: 'twice in one commit',
    given: [
      ['d', [placed(1), placed(2)]],
      ['d', [placed(2), placed(3)]],
    ],
    detections: 3,
    duplicates: 1,
    positions: [['d', at(3)]],
  },
  {
    name: 'one daemon under two addresses',
    kept: [['d', at(5)]],
    given: [
      ['e', [placed(5), placed(6)]],
      ['d', [placed(6)]],
    ],
    detections: 1,
    duplicates: 2,
    positions: [
      ['e', at(6)],
      ['d', at(6)],
    ],
  },
  {
    name: 'another stream begins anew',
    kept: [['d', at(5)]],
    given: [['d', [placed(1, 'other')]]],
    detections: 1,
    positions: [['d', at(1, 'other')]],
  },
  {
    name: 'without positions each counts',
    given: [['falco', [alertOf(), alertOf()]]],
    detections: 2,
    positions: [],
  },
  {
    name: 'a gap moves the position behind what is missing',
    kept: [['d', at(2)]],
    given: [['d', [gapOf(3, 9), placed(10)], at(12)]],
    detections: 1,
    gaps: 1,
    positions: [['d', at(10)]],
  },
  {
    name: 'a gap alone is kept, so that it is told once',
    kept: [['d', at(2)]],
    given: [['d', [gapOf(3, 9)], at(12)]],
    detections: 0,
    gaps: 1,
    positions: [['d', at(9)]],
  },
  {
    name: 'a gap told again',
    kept: [['d', at(9)]],
    given: [['d', [gapOf(3, 9)], at(12)]],
    detections: 0,
    gaps: 0,
    duplicates: 1,
    positions: [],
  },
  {
    name: 'a jump that nobody announced',
    kept: [['d', at(2)]],
    given: [['d', [placed(3), placed(7), placed(8)]]],
    detections: 3,
    gaps: 1,
    positions: [['d', at(8)]],
  },
  {
    name: 'the first of a stream may be any',
    given: [['d', [placed(40), placed(41)]]],
    detections: 2,
    gaps: 0,
    positions: [['d', at(41)]],
  },
  {
    name: 'a gap says itself where it ends',
    kept: [['d', at(2)]],
    given: [['d', [gapOf(3, 9, 'slow_subscriber', at(9)), placed(10)]]],
    detections: 1,
    gaps: 1,
    positions: [['d', at(10)]],
  },
  {
    name: 'a lost journal that goes on far ahead in the same stream',
    kept: [['d', at(2)]],
    given: [['d', [gapOf(0, 0, 'journal_lost', at(1_000_000)), placed(1_000_001)]]],
    detections: 1,
    gaps: 1,
    positions: [['d', at(1_000_001)]],
  },
  {
    name: 'a lost journal, told before the oldest of the new one',
    kept: [['d', at(9)]],
    given: [['d', [gapOf(0, 0, 'journal_lost', at(4, 'new')), placed(5, 'new')]]],
    detections: 1,
    gaps: 1,
    positions: [['d', at(5, 'new')]],
  },
  {
    name: 'a lost journal whose new one is empty is told once',
    kept: [['d', at(0, 'new')]],
    given: [['d', [gapOf(0, 0, 'journal_lost', at(0, 'new'))], at(0, 'new')]],
    detections: 0,
    gaps: 0,
    duplicates: 1,
    positions: [],
  },
  {
    name: 'a lost journal is the beginning of the new one',
    kept: [['d', at(9)]],
    given: [['d', [gapOf(0, 0, 'journal_lost')], at(4, 'new')]],
    detections: 0,
    gaps: 1,
    positions: [['d', at(0, 'new')]],
  },
]

for (const { name, kept, given, detections, duplicates, gaps, positions } of CASES) {
  const deliveries = given.map(([daemon, alerts, newest]) => ({ daemon, alerts, newest }))
  const sifted = sift(deliveries, createPositions(new Map(kept)))
  t.equal(sifted.detections.length, detections, `${name}: detections`)
  t.equal(sifted.duplicates, duplicates ?? 0, `${name}: duplicates`)
  t.equal(sifted.gaps.length, gaps ?? 0, `${name}: gaps`)
  t.same([...sifted.positions], positions, `${name}: positions`)
}
