import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parser } from '@grafana/lezer-logql'
import t from 'tap'
import { generated } from '../../dashboards/src/generated.js'
import { fill, NAMES, queries, urls } from './support/dashboards.js'
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

for (const name of NAMES) {
  void t.test(`${name}: what Grafana 10.4 to 13 load by provisioning`, (t) => {
    const dashboard = readJson(`dashboards/${name}.json`)
    t.equal(at(dashboard, 'schemaVersion'), 39)
    t.equal(at(dashboard, 'uid'), `peregrine-${name}`)
    t.equal(at(dashboard, 'id'), null)
    t.equal(at(dashboard, 'editable'), false)
    t.equal(at(dashboard, '__inputs'), undefined, 'inputs do not resolve in provisioned files')
    const variables = list(at(dashboard, 'templating', 'list')).map((one) => text(at(one, 'name')))
    t.ok(
      variables.includes('datasource') &&
        variables.includes('loki') &&
        variables.includes('cluster'),
    )
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
    const inputs = list(at(dashboard, '__inputs')).map((input) => at(input, 'name'))
    t.same(inputs, ['DS_PROMETHEUS', 'DS_LOKI'])
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

void t.test('provisioning uses the keys that Grafana knows', (t) => {
  const sources = readYaml('deploy/grafana/provisioning/datasources/peregrine.yml')
  const known = [
    'access',
    'correlations',
    'editable',
    'isDefault',
    'jsonData',
    'name',
    'type',
    'uid',
    'url',
  ]
  const uids = list(at(sources, 'datasources')).map((source) => {
    const unknown = (isFields(source) ? Object.keys(source) : []).filter(
      (key) => !known.includes(key),
    )
    t.same(unknown, [])
    return text(at(source, 'uid'))
  })
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
