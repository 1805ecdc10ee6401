import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parser } from '@grafana/lezer-logql'
import t from 'tap'
import { generated } from '../../dashboards/src/generated.js'
import { fill, FILES, NAMES, queries, urls } from './support/dashboards.js'
import { tryRun } from './support/run.js'
import {
  at,
  isFields,
  list,
  objectsIn,
  readJson,
  readText,
  readYaml,
  text,
} from './support/values.js'

void t.test('the committed dashboards are what their source generates', (t) => {
  for (const [path, expected] of generated()) {
    t.ok(
      readText(`dashboards/${path}`) === expected,
      `dashboards/${path} (run: npm run dashboards)`,
    )
  }
  t.end()
})

for (const name of FILES) {
  const hasLogs = !name.startsWith('without-loki/')

  void t.test(`${name}: what Grafana 10.4 to 13 load by provisioning`, (t) => {
    const dashboard = readJson(`dashboards/${name}.json`)
    t.equal(at(dashboard, 'schemaVersion'), 39)
    t.equal(at(dashboard, 'uid'), `peregrine-${name.replace('without-loki/', '')}`)
    t.equal(at(dashboard, 'id'), null)
    t.equal(at(dashboard, 'editable'), false)
    t.equal(at(dashboard, '__inputs'), undefined, 'inputs do not resolve in provisioned files')
    const variables = list(at(dashboard, 'templating', 'list')).map((one) => text(at(one, 'name')))
    t.ok(variables.includes('datasource') && variables.includes('cluster'))
    t.equal(variables.includes('loki'), hasLogs)
    const chosen = name.endsWith('health')
      ? ['cluster', 'exporter']
      : ['cluster', 'node', 'namespace', 'pod', 'rule', 'priority']
    for (const one of chosen) {
      const variable = list(at(dashboard, 'templating', 'list')).find(
        (each) => at(each, 'name') === one,
      )
      t.match(
        variable,
        { multi: true, includeAll: true, allValue: '.*' },
        `several, or all: ${one}`,
      )
    }
    if (!hasLogs) t.notMatch(JSON.stringify(dashboard), /\$\{?loki|"loki"|\/explore/)
    const sources = Array.from(objectsIn(dashboard), ({ datasource }) => at(datasource, 'uid'))
    const fixed = sources.filter((uid) => uid !== undefined && !text(uid).startsWith('${'))
    t.same(fixed, [], 'data sources are variables')

    const used = JSON.stringify(dashboard).matchAll(/\$(?:\{([a-z]\w*)[}:]|([a-z]\w*))/g)
    for (const [, braced, plain] of used) {
      t.ok(variables.includes(braced ?? plain ?? ''), `$${braced ?? plain ?? ''} is a variable`)
    }

    const panels = list(at(dashboard, 'panels'))
    const ids = panels.map((panel) => at(panel, 'id'))
    t.equal(new Set(ids).size, ids.length, 'ids are unique')
    for (const panel of panels) {
      const type = text(at(panel, 'type'))
      const title = text(at(panel, 'title'))
      t.ok(
        ['logs', 'row', 'stat', 'table', 'text', 'timeseries'].includes(type),
        `${title}: ${type}`,
      )
      if (type === 'row') continue
      t.ok(text(at(panel, 'description')) !== '', `${title} is described`)
      if (type === 'text' || type === 'logs') continue
      const said = text(at(panel, 'fieldConfig', 'defaults', 'noValue'))
      t.ok(said !== '', `${title} says in words that there is nothing`)
      t.ok(list(at(panel, 'targets')).length > 0, `${title} asks something`)
    }
    t.end()
  })

  void t.test(`${name}: the variant for import asks for its data sources`, (t) => {
    const path = `dashboards/import/${name}.json`
    t.notMatch(readText(path), /\$\{(datasource|loki)\b/)
    const dashboard = readJson(path)
    const inputs = list(at(dashboard, '__inputs')).map((input) => text(at(input, 'name')))
    t.same(inputs, hasLogs ? ['DS_PROMETHEUS', 'DS_LOKI'] : ['DS_PROMETHEUS'])
    const asked = readText(path).matchAll(/\$\{(DS_\w+)\}/g)
    for (const [, input = ''] of asked) t.ok(inputs.includes(input), input)
    const types = new Set(list(at(dashboard, 'panels')).map((panel) => text(at(panel, 'type'))))
    const required = list(at(dashboard, '__requires')).filter((one) => at(one, 'type') === 'panel')
    t.same(
      required.map((one) => at(one, 'id')),
      [...types].filter((type) => type !== 'row').sort(),
      'it asks for the panels that it has',
    )
    t.end()
  })

  void t.test(`${name}: links lead to dashboards, runbooks and queries that exist`, (t) => {
    const dashboard = readJson(`dashboards/${name}.json`)
    for (const url of urls(dashboard)) {
      const uid = /^\/d\/([a-z-]+)\?/.exec(url)?.[1]
      if (uid !== undefined) {
        t.ok(NAMES.includes(nameOf(uid)), url)
        continue
      }
      t.match(url, /^\/explore\?schemaVersion=1&/)
      const panes: unknown = JSON.parse(
        new URL(url, 'http://grafana').searchParams.get('panes') ?? '',
      )
      const expr = text(at(panes, 'a', 'queries', 0, 'expr'))
      t.same(errorsOf(expr.replace(/\$\{[^}]*\}/g, 'value')), [], expr)
    }
    const runbooks = JSON.stringify(dashboard).match(/docs\/runbooks\/\w+\.md/g) ?? []
    for (const runbook of new Set(runbooks)) t.ok(readText(runbook).length > 0, runbook)
    t.end()
  })
}

void t.test('Prometheus parses every PromQL query', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'peregrine-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  const rules = queries()
    .filter(({ language }) => language === 'promql')
    .map(({ expr }, index) => ({ record: `query_${index}`, expr: fill(expr) }))
  t.ok(rules.length > 20)
  const file = join(directory, 'queries.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
  const { code, stderr } = tryRun('promtool', ['check', 'rules', '--lint=none', file])
  t.equal(code, 0, stderr)
  t.end()
})

void t.test('the parser of Grafana takes every LogQL query', (t) => {
  const asked = queries().filter(({ language }) => language === 'logql')
  t.ok(asked.length >= 4)
  for (const { where, expr } of asked) t.same(errorsOf(fill(expr)), [], where)
  const rules = list(at(readYaml('alerting/loki/peregrine.rules.yml'), 'groups', 0, 'rules'))
  t.ok(rules.length >= 4)
  for (const rule of rules) t.same(errorsOf(text(at(rule, 'expr'))), [], text(at(rule, 'alert')))
  t.not(errorsOf('{a="b"} | x=').length, 0, 'and it does refuse what is wrong')
  t.end()
})

/** As Grafana documents them, of what is used here. */
const KNOWN_KEYS = {
  source: [
    ...['access', 'correlations', 'editable', 'isDefault', 'jsonData', 'name', 'secureJsonData'],
    ...['type', 'uid', 'url'],
  ],
  prometheus: ['httpMethod', 'timeInterval'],
  loki: ['derivedFields', 'httpHeaderName1', 'maxLines'],
  secret: ['httpHeaderValue1'],
  derivedField: ['matcherRegex', 'matcherType', 'name', 'url', 'urlDisplayLabel'],
  correlation: ['config', 'description', 'label', 'targetUID'],
  config: ['field', 'target', 'transformations', 'type'],
  transformation: ['expression', 'field', 'mapValue', 'type'],
  provider: [
    ...['allowUiUpdates', 'disableDeletion', 'folder', 'folderUid', 'name', 'options', 'type'],
    'updateIntervalSeconds',
  ],
  options: ['path'],
} as const

void t.test('provisioning uses the keys that Grafana knows', (t) => {
  const check = (value: unknown, of: keyof typeof KNOWN_KEYS): void => {
    const known: readonly string[] = KNOWN_KEYS[of]
    for (const key of isFields(value) ? Object.keys(value) : []) {
      t.ok(known.includes(key), `${of}: ${key}`)
    }
  }
  const all = ['datasources', 'without-loki/datasources'].flatMap((folder) => {
    const file = readYaml(`deploy/grafana/provisioning/${folder}/peregrine.yml`)
    t.equal(at(file, 'apiVersion'), 1)
    return list(at(file, 'datasources'))
  })
  for (const source of all) {
    check(source, 'source')
    check(at(source, 'jsonData'), at(source, 'type') === 'loki' ? 'loki' : 'prometheus')
    check(at(source, 'secureJsonData'), 'secret')
    for (const field of list(at(source, 'jsonData', 'derivedFields'))) check(field, 'derivedField')
    for (const correlation of list(at(source, 'correlations'))) {
      check(correlation, 'correlation')
      check(at(correlation, 'config'), 'config')
      for (const one of list(at(correlation, 'config', 'transformations'))) {
        check(one, 'transformation')
      }
    }
  }
  const providers = readYaml('deploy/grafana/provisioning/dashboards/peregrine.yml')
  for (const provider of list(at(providers, 'providers'))) {
    check(provider, 'provider')
    check(at(provider, 'options'), 'options')
  }

  const sources = readYaml('deploy/grafana/provisioning/datasources/peregrine.yml')
  const uids = list(at(sources, 'datasources')).map((source) => text(at(source, 'uid')))
  t.same(uids, ['prometheus', 'loki'], 'the uids that links in notifications name')
  for (const { targetUID } of objectsIn(sources)) {
    if (targetUID !== undefined) t.ok(uids.includes(text(targetUID)))
  }
  const provider = at(
    readYaml('deploy/grafana/provisioning/dashboards/peregrine.yml'),
    'providers',
    0,
  )
  t.equal(at(provider, 'type'), 'file')
  t.equal(at(provider, 'allowUiUpdates'), false)
  const mounts = list(at(readYaml('docker-compose.yml'), 'services', 'grafana', 'volumes')).join(
    ' ',
  )
  t.match(mounts, text(at(provider, 'options', 'path')))
  t.end()
})

void t.test(
  'without Loki, what is asked is asked in the same way, and every panel has its place',
  (t) => {
    for (const name of NAMES) {
      const whole = list(at(readJson(`dashboards/${name}.json`), 'panels'))
      const titles = new Map(whole.map((panel) => [text(at(panel, 'title')), panel]))
      const rest = list(at(readJson(`dashboards/without-loki/${name}.json`), 'panels'))
      t.ok(rest.length >= 3, name)
      for (const panel of rest) {
        const same = titles.get(text(at(panel, 'title')))
        t.same(at(panel, 'targets'), at(same, 'targets'), text(at(panel, 'title')))
      }
      t.same(overlapping(rest), [], `${name}: no panel covers another`)
      t.same(overlapping(whole), [], `${name}: no panel covers another`)
    }
    const sources = readYaml('deploy/grafana/provisioning/without-loki/datasources/peregrine.yml')
    t.same(
      list(at(sources, 'datasources')).map((source) => at(source, 'uid')),
      ['prometheus'],
    )
    t.end()
  },
)

void t.test('correlations have the one form that Grafana 10.4 to 13 start with', (t) => {
  const sources = list(
    at(readYaml('deploy/grafana/provisioning/datasources/peregrine.yml'), 'datasources'),
  )
  const all = sources.flatMap((source) => list(at(source, 'correlations')))
  t.ok(all.length >= 4)
  for (const correlation of all) {
    const label = text(at(correlation, 'label'))
    t.ok(label !== '' && text(at(correlation, 'description')) !== '', label)
    t.equal(at(correlation, 'type'), undefined, `${label}: a type here ends Grafana 11.4 to 12`)
    t.equal(at(correlation, 'config', 'type'), 'query', `${label}: without, 10.4 to 12 refuse it`)
    const expr = text(at(correlation, 'config', 'target', 'expr'))
    const names = Array.from(expr.matchAll(/\$\$\{(\w+)\}/g), ([, name]) => name)
    t.equal(names.length, 1, expr)
    if (at(correlation, 'targetUID') === 'loki') {
      t.equal(at(correlation, 'config', 'field'), names[0], 'a column of the table')
      t.same(errorsOf(expr.replace(/\$\$\{\w+\}/g, 'value')), [], expr)
      continue
    }
    // Log lines have their fields in one column, `labels`.
    const transformation = at(correlation, 'config', 'transformations', 0)
    t.equal(at(correlation, 'config', 'field'), 'labels')
    t.equal(at(transformation, 'mapValue'), names[0])
    const labels = JSON.stringify({ k8s_pod_name: 'cart-1', rule: 'Drop and run', x_rule: 'no' })
    const found = new RegExp(text(at(transformation, 'expression')), 'gi').exec(labels)
    t.match(found?.[1], /^(cart-1|Drop and run)$/)
  }
  t.end()
})

void t.test('the buttons beside a log line lead to dashboards and queries that exist', (t) => {
  const source = at(
    readYaml('deploy/grafana/provisioning/datasources/peregrine.yml'),
    'datasources',
    1,
  )
  const fields = list(at(source, 'jsonData', 'derivedFields'))
  t.ok(fields.length > 0)
  for (const field of fields) {
    t.equal(at(field, 'datasourceUid'), undefined, 'it would open traces alone')
    const url = new URL(
      text(at(field, 'url')).replace('$${__value.raw:percentencode}', 'value'),
      'http://grafana',
    )
    const panes = url.searchParams.get('panes')
    if (panes === null) t.ok(NAMES.includes(nameOf(url.pathname.replace('/d/', ''))), url.href)
    else t.match(at(JSON.parse(panes), 'a', 'queries', 0, 'expr'), '{k8s_pod_name="value"}')
  }
  t.end()
})

/** Where Grafana's own LogQL grammar finds something that is none. */
function errorsOf(expr: string): readonly string[] {
  const errors: string[] = []
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError)
        errors.push(`at ${node.from}: ${expr.slice(node.from, node.from + 20)}`)
    },
  })
  return errors
}

function nameOf(uid: string): (typeof NAMES)[number] {
  const found = NAMES.find((name) => uid === `peregrine-${name}`)
  if (found === undefined) throw new Error(`no dashboard ${uid}`)
  return found
}

/** Pairs of panels that share a place, and panels that reach over the edge. */
function overlapping(panels: readonly unknown[]): readonly string[] {
  const places = panels.map((panel) => {
    const [x, y, w, h] = ['x', 'y', 'w', 'h'].map((key) => Number(at(panel, 'gridPos', key)))
    return { title: text(at(panel, 'title')), x: x ?? 0, y: y ?? 0, w: w ?? 0, h: h ?? 0 }
  })
  const over = places.filter(({ x, w }) => x + w > 24).map(({ title }) => title)
  const pairs = places.flatMap((a, index) =>
    places
      .slice(index + 1)
      .filter((b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
      .map((b) => `${a.title} and ${b.title}`),
  )
  return [...over, ...pairs]
}
