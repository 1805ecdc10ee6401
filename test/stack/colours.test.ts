/**
 * Whether people with any colour vision tell the colours of the dashboards apart: each is turned into
 * what they see (Machado, Oliveira and Fernandes, 2009, at full severity), and the distances between
 * those are taken in CIELAB.
 */
import t from 'tap'
import { BAD, CAREFUL, GOOD, NEUTRAL, PRIORITIES } from '../../dashboards/src/config.js'
import { FILES } from './support/dashboards.js'
import { readText } from './support/values.js'

type Three = readonly [number, number, number]

const VISIONS: Readonly<Record<string, readonly [Three, Three, Three]>> = {
  'colour vision': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
}

/** From sRGB to linear light, and from there to CIE XYZ with the white of D65. */
const XYZ: readonly [Three, Three, Three] = [
  [0.4124 / 0.95047, 0.3576 / 0.95047, 0.1805 / 0.95047],
  [0.2126, 0.7152, 0.0722],
  [0.0193 / 1.08883, 0.1192 / 1.08883, 0.9505 / 1.08883],
]

/** Two is where a difference begins to be seen side by side; across a panel it takes more. */
const LEAST_DISTANCE = 15

function linear(color: string): Three {
  const part = (from: number): number => {
    const value = parseInt(color.slice(from, from + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [part(1), part(3), part(5)]
}

function times(matrix: readonly [Three, Three, Three], [a, b, c]: Three): Three {
  const row = ([x, y, z]: Three): number => Math.min(1, Math.max(0, x * a + y * b + z * c))
  return [row(matrix[0]), row(matrix[1]), row(matrix[2])]
}

function toLab(seen: Three): Three {
  const root = (value: number): number =>
    value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116
  const [x, y, z] = times(XYZ, seen)
  return [116 * root(y) - 16, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))]
}

function distance(one: string, other: string, vision: readonly [Three, Three, Three]): number {
  const [a, b] = [one, other].map((color) => toLab(times(vision, linear(color))))
  if (a === undefined || b === undefined) throw new Error('two colours')
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
}

void t.test('priorities, and good, careful and bad, are told apart with any vision', (t) => {
  const priorities = PRIORITIES.map(({ color }) => color)
  for (const [name, vision] of Object.entries(VISIONS)) {
    for (const colors of [priorities, [GOOD, CAREFUL, BAD]]) {
      colors.forEach((one, index) => {
        for (const other of colors.slice(index + 1)) {
          const far = distance(one, other, vision)
          t.ok(far > LEAST_DISTANCE, `${name}: ${one} and ${other}, ${far.toFixed(0)}`)
        }
      })
    }
  }
  t.end()
})

void t.test('no dashboard has a colour of its own', (t) => {
  const known = [...PRIORITIES.map(({ color }) => color), GOOD, CAREFUL, BAD, NEUTRAL]
  for (const name of FILES) {
    const used = new Set(readText(`dashboards/${name}.json`).match(/#[0-9A-Fa-f]{6}\b/g))
    for (const color of used) t.ok(known.includes(color), `${name}: ${color}`)
    t.notMatch(readText(`dashboards/${name}.json`), /"color": "(red|green|yellow|orange)"/)
  }
  t.end()
})
