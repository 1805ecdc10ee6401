import fc from 'fast-check'
import t from 'tap'
import { toBounded, toLabelValue, toPrintable } from '../../src/text.js'

const wild = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
)

void t.test('whatever comes in, what goes out is well-formed, printable and bounded', (t) => {
  fc.assert(
    fc.property(wild, fc.integer({ min: 3, max: 300 }), (text, limit) => {
      const printable = toPrintable(text, limit)
      if (Buffer.byteLength(printable) > limit) throw new Error('too long')
      if (!printable.isWellFormed()) throw new Error('not well-formed')
      if (/[\p{Cc}]/u.test(printable)) throw new Error('a control is left')
      if (toPrintable(printable, limit) !== printable) throw new Error('not stable')
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

void t.test('a cut shows, and is never inside a character', (t) => {
  const cases: readonly [text: string, limit: number, expected: string][] = [
    ['abc', 3, 'abc'],
    ['abcdef', 5, 'ab…'],
    ['ééééé', 8, 'éé…'],
    ['😀😀😀', 11, '😀😀…'],
    ['a'.repeat(65_536), 6, 'aaa…'],
  ]
  for (const [text, limit, expected] of cases) t.equal(toBounded(text, limit), expected)
  t.end()
})

void t.test('a value of a label can be written in a query', (t) => {
  for (const text of ['a\u001bb', 'a\ufffdb', 'a\ud800b']) t.equal(toLabelValue(text, 100), 'a?b')
  t.equal(toLabelValue('é😀', 100), 'é😀')
  t.end()
})
