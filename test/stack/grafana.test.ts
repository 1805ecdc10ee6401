/**
 * What Grafana itself makes of the tables: its own transformations, overrides, mappings and units,
 * in the library that its front end runs, on answers as Prometheus gives them.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { FILES } from './support/dashboards.js'
import { ROOT } from './support/run.js'
import { at, isFields, list, objectsIn, readJson, text } from './support/values.js'

interface Field {
  readonly name: string
  readonly values: readonly unknown[]
  readonly display: (value: unknown) => { readonly text: string; readonly color?: string }
}

interface Frame {
  readonly fields: readonly Field[]
  readonly length: number
}

/** The part of `@grafana/data` that is asked; its own types want a browser. */
interface Grafana {
  readonly standardTransformers: Readonly<Record<string, { readonly id: string }>>
  readonly standardTransformersRegistry: Registry
  readonly standardFieldConfigEditorRegistry: Registry
  readonly identityOverrideProcessor: unknown
  toDataFrame(frame: object): Frame
  transformDataFrame(transformations: readonly unknown[], frames: readonly Frame[]): Observable
  applyFieldOverrides(options: object): readonly Frame[]
  getFieldDisplayName(field: Field, frame: Frame, frames: readonly Frame[]): string
  getValueFormat(unit: string): (value: number) => object
  formattedValueToString(value: object): string
  createTheme(): unknown
}

interface Registry {
  setInit(make: () => readonly object[]): void
  getIfExists(id: string): unknown
}

interface Observable {
  subscribe(observer: {
    next: (frames: readonly Frame[]) => void
    error: (error: unknown) => void
  }): unknown
}

function isGrafana(value: unknown): value is Grafana {
  return isFields(value) && 'transformDataFrame' in value && 'applyFieldOverrides' in value
}

function loadGrafana(): Grafana {
  const load: (name: string) => unknown = createRequire(join(ROOT, '.tools/grafana/package.json'))
  const found = load('@grafana/data')
  if (!isGrafana(found)) throw new Error('no library of Grafana; run scripts/tools.sh')
  return found
}

const grafana = loadGrafana()
// Asked for while it works, not when it is loaded.
Object.assign(globalThis, { window: {} })

/** Properties of fields as Grafana's own registry has them. */
const PROPERTIES = ['unit', 'decimals', 'noValue', 'min', 'max', 'links', 'mappings', 'color']
const CUSTOM = ['cellOptions']

const transformers = new Map(
  Object.values(grafana.standardTransformers).map((one) => [one.id, one] as const),
)
grafana.standardTransformersRegistry.setInit(() =>
  Array.from(transformers.values(), (one) => ({
    id: one.id,
    name: one.id,
    transformation: () => Promise.resolve(one),
  })),
)
grafana.standardFieldConfigEditorRegistry.setInit(() =>
  [
    ...PROPERTIES.map((id) => ({ id, path: id, isCustom: false })),
    ...CUSTOM.map((path) => ({ id: `custom.${path}`, path, isCustom: true })),
  ].map((property) => ({
    ...property,
    name: property.id,
    process: grafana.identityOverrideProcessor,
    shouldApply: () => true,
  })),
)

const MINUTE_MILLISECONDS = 60_000
const NOW = Date.now()
const LABELS: Readonly<Record<string, string>> = {
  rule: 'Story told',
  priority: '2',
  hostname: 'node-a',
  k8s_ns_name: 'shop',
  k8s_pod_name: 'cart-1',
  instance: 'node-a',
  daemon: 'unix:///run/peregrine/peregrine.sock',
  version: '0.1.0',
  node: '24.21.0',
}
/** What a table says of them, column by column. */
const SHOWN: Readonly<Record<string, string>> = {
  Rule: 'Story told',
  Priority: 'Critical',
  Node: 'node-a',
  Namespace: 'shop',
  Pod: 'cart-1',
  Detections: '3',
  Refused: '3',
  'Last seen': 'a minute ago',
  'First seen': 'a minute ago',
  Loaded: 'a minute ago',
  Exporter: 'node-a',
  Daemon: 'unix:///run/peregrine/peregrine.sock',
  Version: '0.1.0',
  'Node.js': '24.21.0',
}

/** As the data source Prometheus gives a table: a column for each label, then the value. */
function answer(target: unknown, isOne: boolean): Frame {
  const expr = text(at(target, 'expr'))
  const by = /(?:sum|min|max) by \(([^)]*)\)/.exec(expr)?.[1]
  const names = by === undefined ? Object.keys(LABELS) : by.split(',').map((name) => name.trim())
  const isTime = expr.startsWith('1000 *')
  return grafana.toDataFrame({
    refId: at(target, 'refId'),
    fields: [
      { name: 'Time', type: 'time', values: [NOW] },
      ...names.map((name) => ({ name, type: 'string', values: [LABELS[name]] })),
      {
        name: isOne ? 'Value' : `Value #${text(at(target, 'refId'))}`,
        type: 'number',
        values: [isTime ? NOW - MINUTE_MILLISECONDS : 3],
      },
    ],
  })
}

function transformed(panel: unknown, frames: readonly Frame[]): Promise<readonly Frame[]> {
  return new Promise((resolve, reject) => {
    const all = list(at(panel, 'transformations'))
    grafana.transformDataFrame(all, frames).subscribe({ next: resolve, error: reject })
  })
}

function tables(name: string): readonly unknown[] {
  return list(at(readJson(`dashboards/${name}.json`), 'panels')).filter(
    (panel) => at(panel, 'type') === 'table' && at(panel, 'datasource', 'type') === 'prometheus',
  )
}

for (const name of FILES) {
  void t.test(`${name}: Grafana shows each table as it is meant`, async (t) => {
    for (const panel of tables(name)) {
      const title = text(at(panel, 'title'))
      const targets = list(at(panel, 'targets'))
      for (const transformation of list(at(panel, 'transformations'))) {
        const id = text(at(transformation, 'id'))
        t.ok(grafana.standardTransformersRegistry.getIfExists(id), `Grafana knows ${id}`)
      }
      const frames = await transformed(
        panel,
        targets.map((target) => answer(target, targets.length === 1)),
      )
      t.equal(frames.length, 1, `${title}: one table`)
      const [frame] = grafana.applyFieldOverrides({
        data: frames,
        fieldConfig: at(panel, 'fieldConfig'),
        fieldConfigRegistry: grafana.standardFieldConfigEditorRegistry,
        replaceVariables: (value: string) => value,
        theme: grafana.createTheme(),
        timeZone: 'utc',
      })
      if (frame === undefined) throw new Error(title)
      t.equal(frame.length, 1, `${title}: the answers are one row`)
      const renamed = at(organized(panel), 'renameByName')
      const names = frame.fields.map((field) => grafana.getFieldDisplayName(field, frame, [frame]))
      t.same(names, isFields(renamed) ? Object.values(renamed) : [], `${title}: all columns`)
      frame.fields.forEach((field, index) => {
        const column = names[index] ?? ''
        const shown = grafana.formattedValueToString(field.display(field.values[0]))
        t.equal(shown, SHOWN[column], `${title}: ${column}`)
        if (column === 'Priority') {
          t.equal(field.display(field.values[0]).color, '#D55E00', 'in its colour')
        }
      })
    }
    t.end()
  })
}

void t.test('Grafana knows every unit', (t) => {
  const units = new Set(
    FILES.flatMap((name) =>
      Array.from(objectsIn(readJson(`dashboards/${name}.json`)), (object) => {
        return text(object.unit ?? (object.id === 'unit' ? object.value : undefined))
      }),
    ),
  )
  units.delete('')
  const of = (unit: string): string =>
    grafana.formattedValueToString(grafana.getValueFormat(unit)(3))
  t.equal(of('no-such-unit'), '3 no-such-unit', 'one that it does not know stands as it is')
  const known: Readonly<Record<string, string>> = {
    short: '3',
    'suffix:connected': '3 connected',
    percentunit: '300%',
    s: '3 s',
    eps: '3 evt/s',
    reqps: '3 req/s',
    bytes: '3 B',
  }
  for (const unit of units) {
    t.match(of(unit), unit === 'dateTimeFromNow' ? /years ago/ : (known[unit] ?? 'known'), unit)
  }
  t.end()
})

function organized(panel: unknown): unknown {
  const found = list(at(panel, 'transformations')).find((one) => at(one, 'id') === 'organize')
  return at(found, 'options')
}
