/**
 * The dashboards against Grafana's own schemas, as it publishes them: types in TypeScript, one
 * package for each version. The compiler is asked whether the JSON, written into a program as it
 * is, has the type; a property that a version does not know is an error, too.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { FILES } from './support/dashboards.js'
import { ROOT } from './support/run.js'
import { at, list, readJson, text } from './support/values.js'

const PACKAGES = join(ROOT, '.tools/grafana/node_modules')
/** From the oldest that is supported to the one of docker-compose.yml. */
const VERSIONS = ['schema-10', 'schema-11', 'schema-12', 'schema-13'] as const
type Version = (typeof VERSIONS)[number]

const PANELS = {
  logs: 'LogsPanelCfg',
  stat: 'StatPanelCfg',
  table: 'TablePanelCfg',
  text: 'TextPanelCfg',
  timeseries: 'TimeSeriesPanelCfg',
} as const

/**
 * What one version or another does not know and therefore leaves alone: defaults that the builders
 * write, of which none says what is asked or shown.
 */
const IGNORED = [
  ...['allowCustomValue', 'auto', 'auto_count', 'auto_min', 'definition', 'footer'],
  ...['percentChangeColorMode', 'placement'],
]

/** In JSON, a member of an enumeration is its value; what is left out has Grafana's default. */
const PLAIN = `
type Plain<T> = unknown extends T ? T
  : T extends string ? \`\${T}\`
  : T extends number ? (\`\${T}\` extends \`\${infer N extends number}\` ? N : T)
  : T extends readonly (infer One)[] ? Plain<One>[]
  : T extends object ? { [Key in keyof T]?: Plain<T[Key]> }
  : T
`

/** Where a version keeps the types of one kind: the places have changed over time. */
function schemaFile(version: Version, folder: string, name: string): string {
  const places = [`types/raw/${folder}/x/types.gen`, `esm/raw/${folder}/x/${name}_types.gen`]
  const found = places
    .map((place) => join(PACKAGES, version, 'dist', place))
    .find((path) => existsSync(`${path}.d.ts`))
  if (found === undefined) throw new Error(`${version} has no ${folder}; run scripts/tools.sh`)
  return found
}

/** A program that has no error if the dashboard is one, and each panel's options are its kind's. */
function programOf(version: Version, given: unknown): string {
  const leave = (key: string, value: unknown): unknown =>
    IGNORED.includes(key) ? undefined : value
  const dashboard: unknown = JSON.parse(JSON.stringify(given, leave))
  const imports = Object.entries(PANELS).map(([type, name]) => {
    const path = schemaFile(version, `composable/${type}/panelcfg`, name)
    return `import type * as ${type} from ${JSON.stringify(path)}`
  })
  const raw = JSON.stringify(schemaFile(version, 'dashboard', 'dashboard'))
  const panels = list(at(dashboard, 'panels')).filter((panel) => at(panel, 'type') !== 'row')
  const checks = panels.flatMap((panel, index) => {
    const type = text(at(panel, 'type'))
    const custom = at(panel, 'fieldConfig', 'defaults', 'custom')
    const of = (name: string, value: unknown): string =>
      `export const ${name}${index}: Plain<${type}.${name}> = ${JSON.stringify(value)}`
    const options = of('Options', at(panel, 'options') ?? {})
    return custom === undefined ? [options] : [options, of('FieldConfig', custom)]
  })
  return [
    `import type { Dashboard } from ${raw}`,
    ...imports,
    PLAIN,
    `export const dashboard: Plain<Dashboard> = ${JSON.stringify(dashboard)}`,
    ...checks,
  ].join('\n')
}

/** What the compiler says against dashboards, each in a program of its own that lies nowhere. */
function errorsOf(version: Version, dashboards: Readonly<Record<string, unknown>>): string {
  const pathOf = (name: string): string => join(PACKAGES, `${name}.ts`)
  const sources = new Map(
    Object.entries(dashboards).map(([name, dashboard]) => [
      pathOf(name),
      programOf(version, dashboard),
    ]),
  )
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ESNext,
    types: [],
  }
  const disk = ts.createCompilerHost(options)
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => sources.has(path) || disk.fileExists(path),
    getSourceFile: (path, ...rest) => {
      const source = sources.get(path)
      if (source === undefined) return disk.getSourceFile(path, ...rest)
      return ts.createSourceFile(path, source, ts.ScriptTarget.ESNext)
    },
  }
  return ts
    .getPreEmitDiagnostics(ts.createProgram([...sources.keys()], options, host))
    .map(({ file, messageText }) => {
      return `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}\n`
    })
    .join('')
}

void t.test('the schemas are those of Grafana 10.4 to the one that Compose starts', (t) => {
  const versionOf = (name: Version): string => {
    const found: unknown = JSON.parse(readFileSync(join(PACKAGES, name, 'package.json'), 'utf8'))
    return text(at(found, 'version'))
  }
  t.match(versionOf('schema-10'), /^10\.4\./)
  const compose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
  t.match(compose, `docker.io/grafana/grafana:${versionOf('schema-13')}`)
  t.end()
})

for (const version of VERSIONS) {
  void t.test(`${version} takes every dashboard, and refuses what is none`, (t) => {
    const dashboards = FILES.map((name) => [name, readJson(`dashboards/${name}.json`)] as const)
    t.equal(errorsOf(version, Object.fromEntries(dashboards)), '')
    const wrong = errorsOf(version, {
      property: { tagz: [] },
      value: { graphTooltip: 7 },
      option: { panels: [{ type: 'stat', options: { colorMode: 'loud' } }] },
    })
    t.match(wrong, /property\.ts: .*'"tagz"' does not exist/)
    t.match(wrong, /value\.ts: .*'7' is not assignable/)
    t.match(wrong, /option\.ts: .*"loud"' is not assignable/)
    t.end()
  })
}
