/** The generated files, as paths below `dashboards/` and their text. */
import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard'
import { health } from './health.js'
import { investigate } from './investigate.js'
import { overview } from './overview.js'
import { withoutLoki } from './without-loki.js'

/** The newest that Grafana 10.4 knows; later ones migrate it when they load it. */
const SCHEMA_VERSION = 39

export function generated(): ReadonlyMap<string, string> {
  const dashboards = { overview: overview(), investigate: investigate(), health: health() }
  const files = Object.entries(dashboards).flatMap(([name, dashboard]) => {
    const whole = finish(dashboard)
    const rest = finish(withoutLoki(dashboard))
    return [
      [`${name}.json`, toText(whole)],
      [`import/${name}.json`, toText(forImport(whole, INPUTS))],
      [`without-loki/${name}.json`, toText(rest)],
      [`import/without-loki/${name}.json`, toText(forImport(rest, [FOR_PROMETHEUS]))],
    ] as const
  })
  return new Map(files)
}

function toText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** `id: null` makes Grafana take the uid alone for the dashboard's identity. */
function finish(dashboard: Dashboard): Dashboard & { id: null } {
  const panels = (dashboard.panels ?? []).map((panel, index) => withId(panel, index + 1))
  return {
    ...dashboard,
    id: null,
    schemaVersion: SCHEMA_VERSION,
    annotations: { list: [] },
    panels,
  }
}

function withId(panel: Panel | RowPanel, id: number): Panel | RowPanel {
  return { ...panel, id }
}

interface Input {
  readonly variable: string
  readonly input: string
  readonly plugin: string
  readonly label: string
}

const FOR_PROMETHEUS: Input = {
  variable: 'datasource',
  input: 'DS_PROMETHEUS',
  plugin: 'prometheus',
  label: 'Prometheus',
}
const FOR_LOKI: Input = { variable: 'loki', input: 'DS_LOKI', plugin: 'loki', label: 'Loki' }
const INPUTS = [FOR_PROMETHEUS, FOR_LOKI]

/** Data source variables become questions that Grafana asks when the file is imported. */
function forImport(dashboard: Dashboard, inputs: readonly Input[]): object {
  const variables = dashboard.templating.list ?? []
  const asked = new Set(inputs.map(({ variable }) => variable))
  const kept = variables.filter(({ name }) => !asked.has(name))
  let text = JSON.stringify({ ...dashboard, editable: true, templating: { list: kept } })
  for (const { variable, input } of inputs) {
    text = text
      .replaceAll(`\${${variable}:queryparam}&`, '')
      .replaceAll(`\${${variable}}`, `\${${input}}`)
  }
  const body: unknown = JSON.parse(text)
  return {
    __inputs: inputs.map(({ input, plugin, label }) => ({
      name: input,
      label,
      description: '',
      type: 'datasource',
      pluginId: plugin,
      pluginName: label,
    })),
    __requires: [
      { type: 'grafana', id: 'grafana', name: 'Grafana', version: '10.4.0' },
      ...inputs.map(({ plugin, label }) => ({
        type: 'datasource',
        id: plugin,
        name: label,
        version: '1.0.0',
      })),
      ...panelTypes(dashboard).map((id) => ({ type: 'panel', id, name: id, version: '' })),
    ],
    ...(typeof body === 'object' ? body : {}),
  }
}

/** Kinds of panels that have to be installed; a row is none. */
function panelTypes(dashboard: Dashboard): readonly string[] {
  const types = (dashboard.panels ?? []).map(({ type }) => type)
  return [...new Set(types)].filter((type) => type !== 'row').sort()
}
