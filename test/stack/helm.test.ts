import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor'
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet'
import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { PersistentVolumeClaim } from 'kubernetes-models/v1/PersistentVolumeClaim'
import { Pod } from 'kubernetes-models/v1/Pod'
import { Secret } from 'kubernetes-models/v1/Secret'
import { Service } from 'kubernetes-models/v1/Service'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import t from 'tap'
import { DAEMON } from '../e2e/support/daemon.js'
import { HELM, run, tryRun, type Ran } from './support/run.js'
import {
  at,
  isFields,
  list,
  readText,
  readYaml,
  readYamlDocuments,
  text,
} from './support/values.js'

const CHART = 'deploy/helm/peregrine'
const OPERATOR = ['-f', 'test/stack/values/operator.yaml']
const FALCO = ['-f', 'test/stack/values/falco.yaml']

/** Takes the notes into what is rendered; `helm template` leaves them out. */
const NOTES = [
  'apiVersion: v1',
  'kind: Notes',
  'metadata: {name: notes}',
  'text: {{ include "peregrine.notes" . | toJson }}',
].join('\n')

function template(...args: readonly string[]): Ran {
  return tryRun(HELM, ['template', 'node-watch', CHART, '--namespace', 'security', ...args])
}

function render(...args: readonly string[]): readonly unknown[] {
  const { code, stdout, stderr } = template(...args)
  if (code !== 0) throw new Error(stderr)
  return readYamlDocuments(stdout)
}

function notes(...args: readonly string[]): string {
  const objects = render(...args, '--set-json', `extraObjects=${JSON.stringify([NOTES])}`)
  return text(at(kind(objects, 'Notes'), 'text'))
}

function keysOf(value: unknown): readonly string[] {
  return isFields(value) ? Object.keys(value).sort() : []
}

function kind(objects: readonly unknown[], name: string): unknown {
  return objects.find((object) => at(object, 'kind') === name)
}

function container(objects: readonly unknown[], name: string): unknown {
  const containers = list(at(kind(objects, 'DaemonSet'), 'spec', 'template', 'spec', 'containers'))
  return containers.find((one) => at(one, 'name') === name)
}

/** Throws what is wrong with it, by the schemas of Kubernetes and of the Prometheus operator. */
function validate(object: unknown): string {
  if (DaemonSet.is(object)) new DaemonSet(object).validate()
  else if (Deployment.is(object)) new Deployment(object).validate()
  else if (PersistentVolumeClaim.is(object)) new PersistentVolumeClaim(object).validate()
  else if (NetworkPolicy.is(object)) new NetworkPolicy(object).validate()
  else if (PodDisruptionBudget.is(object)) new PodDisruptionBudget(object).validate()
  else if (ConfigMap.is(object)) new ConfigMap(object).validate()
  else if (Pod.is(object)) new Pod(object).validate()
  else if (Secret.is(object)) new Secret(object).validate()
  else if (Service.is(object)) new Service(object).validate()
  else if (ServiceAccount.is(object)) new ServiceAccount(object).validate()
  else if (PodMonitor.is(object)) new PodMonitor(object).validate()
  else if (ServiceMonitor.is(object)) new ServiceMonitor(object).validate()
  else if (PrometheusRule.is(object)) new PrometheusRule(object).validate()
  else throw new Error(`no schema for ${text(at(object, 'kind'))}`)
  return text(at(object, 'kind'))
}

/** One exporter for all daemons. */
function deployment(test: Teardown): readonly string[] {
  const names = ['server.crt', 'server.key', 'ca.crt', 'client.crt', 'client.key']
  return [...certificates(test, names), '--set', 'exporter.kind=deployment']
}

interface Teardown {
  readonly teardown: (work: () => unknown) => void
}

/** A file per certificate, as `--set-file` takes them. */
function certificates(
  test: Teardown,
  names = ['server.crt', 'server.key', 'ca.crt'],
): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'peregrine-'))
  test.teardown(() => {
    rmSync(directory, { recursive: true })
  })
  for (const name of names) writeFileSync(join(directory, name), `PEM of ${name}`)
  return ['--set-file', names.map((name) => `certs.${name}=${join(directory, name)}`).join(',')]
}

/** The ways to all values that are no map. */
function leaves(value: unknown, above: readonly string[] = []): readonly (readonly string[])[] {
  if (!isFields(value) || Object.keys(value).length === 0) return [above]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...above, key]))
}

/** The values without one of them; what is true or false is the other. */
function without(value: unknown, [key = '', ...rest]: readonly string[]): unknown {
  if (!isFields(value)) return value
  const { [key]: inner, ...others } = value
  if (rest.length > 0) return { ...others, [key]: without(inner, rest) }
  return typeof inner === 'boolean' ? { ...others, [key]: !inner } : others
}

void t.test('helm lint finds nothing', (t) => {
  for (const values of [[], OPERATOR, FALCO]) {
    t.match(run(HELM, ['lint', '--strict', CHART, ...values]), '0 chart(s) failed')
  }
  t.end()
})

void t.test('the schemas of Kubernetes and the operator take every object', (t) => {
  const shapes = [[], OPERATOR, FALCO, certificates(t), [...deployment(t), ...OPERATOR]]
  const kinds = shapes.flatMap((values) => render(...values).map(validate))
  const expected = ['ConfigMap', 'DaemonSet', 'Deployment', 'NetworkPolicy']
  expected.push('PersistentVolumeClaim', 'Pod', 'PodDisruptionBudget')
  expected.push(
    'PodMonitor',
    'PrometheusRule',
    'Secret',
    'Service',
    'ServiceAccount',
    'ServiceMonitor',
  )
  t.same([...new Set(kinds)].sort(), expected)
  const [wrong] = render(
    '--set-json',
    'tolerations=[{"operator":5}]',
    '-s',
    'templates/daemonset.yaml',
  )
  t.throws(() => validate(wrong), 'and they do refuse what is wrong')
  t.end()
})

for (const [shape, values] of Object.entries({ plain: [], operator: OPERATOR, falco: FALCO })) {
  void t.test(`${shape}: the pods are as they were`, (t) => {
    t.matchSnapshot(template(...values, '-s', 'templates/daemonset.yaml').stdout, 'daemonset')
    t.end()
  })
}

void t.test('deployment: both are as they were', (t) => {
  const secrets = 'certs.existingSecret=daemons,certs.existingClientSecret=exporter'
  const values = ['--set', `exporter.kind=deployment,${secrets}`]
  for (const name of ['daemonset', 'deployment']) {
    t.matchSnapshot(template(...values, '-s', `templates/${name}.yaml`).stdout, name)
  }
  t.end()
})

void t.test('the exporter as a Deployment reaches every daemon, and is scraped as one', (t) => {
  const objects = render(...deployment(t), ...OPERATOR)
  const daemon = kind(objects, 'DaemonSet')
  const exporter = kind(objects, 'Deployment')
  const containers = list(at(daemon, 'spec', 'template', 'spec', 'containers'))
  t.same(
    containers.map((one) => at(one, 'name')),
    ['peregrined'],
  )
  t.equal(at(daemon, 'spec', 'template', 'spec', 'initContainers'), undefined)
  const env = list(at(exporter, 'spec', 'template', 'spec', 'containers', 0, 'env'))
  const valueOf = (name: string): unknown => {
    return at(
      env.find((one) => at(one, 'name') === name),
      'value',
    )
  }
  t.equal(valueOf('PEREGRINE_FALCO'), 'dns:node-watch-peregrine-daemons.security.svc:5060')
  t.equal(valueOf('PEREGRINE_HOSTNAME'), undefined, 'daemons say where they are')
  t.equal(valueOf('PEREGRINE_LOKI_TENANT'), 'security')
  t.equal(at(exporter, 'spec', 'strategy', 'type'), 'Recreate', 'the store has one owner')

  const serves = (name: string): unknown => {
    const found = objects.find(
      (one) => at(one, 'kind') === 'Service' && at(one, 'metadata', 'name') === name,
    )
    return at(found, 'spec', 'selector', 'app.kubernetes.io/component')
  }
  const component = (of: unknown): unknown => {
    return at(of, 'spec', 'template', 'metadata', 'labels', 'app.kubernetes.io/component')
  }
  t.equal(serves('node-watch-peregrine-daemons'), component(daemon))
  t.equal(serves('node-watch-peregrine'), component(exporter))
  const monitor = at(kind(objects, 'PodMonitor'), 'spec')
  t.equal(
    at(monitor, 'selector', 'matchLabels', 'app.kubernetes.io/component'),
    component(exporter),
  )
  t.same(at(monitor, 'podMetricsEndpoints', 0, 'relabelings'), [
    { targetLabel: 'instance', replacement: 'node-watch-peregrine-exporter' },
  ])
  const secrets = objects.filter((one) => at(one, 'kind') === 'Secret')
  const keys = secrets.map((one) => keysOf(at(one, 'data')))
  t.same(keys, [
    ['ca.crt', 'server.crt', 'server.key'],
    ['ca.crt', 'client.crt', 'client.key'],
  ])
  t.end()
})

void t.test('runtimes are found where clusters have them, and where the user says', (t) => {
  const asked = (...values: string[]): readonly unknown[] => {
    const args = list(at(container(render(...values), 'peregrined'), 'args')).map(text)
    return args.filter((arg) => arg.startsWith('--runtime-socket='))
  }
  const mounted = (...values: string[]): readonly unknown[] => {
    const volumes = list(
      at(kind(render(...values), 'DaemonSet'), 'spec', 'template', 'spec', 'volumes'),
    )
    return volumes
      .filter((one) => text(at(one, 'name')).startsWith('runtime-'))
      .map((one) => at(one, 'hostPath', 'path'))
  }
  t.same(asked(), [
    '--runtime-socket=containerd=/host/run/containerd/containerd.sock',
    '--runtime-socket=containerd=/host/run/k3s/containerd/containerd.sock',
    '--runtime-socket=containerd=/host/run/k0s/containerd.sock',
    '--runtime-socket=cri=/host/run/crio/crio.sock',
  ])
  t.same(mounted(), ['/run/containerd', '/run/k3s/containerd', '/run/k0s', '/run/crio'])
  const microk8s = '/var/snap/microk8s/common/run/containerd.sock'
  const one = ['--set', `collectors.containerd.socket=${microk8s},collectors.crio.enabled=false`]
  t.same(asked(...one), [`--runtime-socket=containerd=/host${microk8s}`])
  t.same(mounted(...one), ['/var/snap/microk8s/common/run'])
  const none = ['--set', 'collectors.containerd.enabled=false,collectors.crio.enabled=false']
  t.same(asked(...none), ['--runtime-socket=off'])
  const engines = {
    cri: { enabled: true, sockets: ['/run/containerd/containerd.sock', '/run/crio/crio.sock'] },
    docker: { enabled: true, sockets: ['/var/run/docker.sock'] },
    podman: { enabled: false, sockets: ['/run/podman/podman.sock'] },
  }
  const falco = ['--set-json', `collectors.containerEngine.engines=${JSON.stringify(engines)}`]
  t.same(asked(...none, ...falco), [
    '--runtime-socket=containerd=/host/run/containerd/containerd.sock',
    '--runtime-socket=cri=/host/run/crio/crio.sock',
    '--runtime-socket=docker=/host/var/run/docker.sock',
  ])
  t.end()
})

void t.test('beside an operator: a replaced pod is the same instance', (t) => {
  const objects = render(...OPERATOR)
  const monitor = kind(objects, 'PodMonitor')
  t.equal(at(monitor, 'metadata', 'labels', 'release'), 'kps')
  const relabelings = at(monitor, 'spec', 'podMetricsEndpoints', 0, 'relabelings')
  t.same(relabelings, [
    { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'instance' },
  ])
  const rule = at(kind(objects, 'PrometheusRule'), 'spec', 'groups', 0, 'rules', 0)
  t.equal(
    at(rule, 'annotations', 'runbook_url'),
    'https://git.example.org/peregrine/docs/runbooks/PeregrineDetection.md',
  )
  t.equal(text(at(rule, 'expr')).includes('falco_event_last_seen'), true)
  t.match(text(at(rule, 'annotations', 'summary')), '{{ $labels.rule }}', 'left to Prometheus')
  t.end()
})

void t.test('who may scrape is up to the user, and helm test may always ask', (t) => {
  const ingress = (...values: readonly string[]): unknown =>
    at(kind(render(...values), 'NetworkPolicy'), 'spec', 'ingress', 0)
  t.equal(at(ingress(), 'from'), undefined, 'anybody, as it comes')
  const from = list(at(ingress(...OPERATOR), 'from'))
  t.equal(from.length, 2)
  const labels = at(kind(render(...OPERATOR), 'Pod'), 'metadata', 'labels')
  t.same(at(from[1], 'podSelector', 'matchLabels'), labels)
  t.end()
})

void t.test('without an operator nothing of it is made, and the notes say so', (t) => {
  t.equal(kind(render(), 'PodMonitor'), undefined)
  t.equal(kind(render(), 'PrometheusRule'), undefined)
  t.match(notes(), 'No Prometheus operator was found')
  t.notMatch(notes('--api-versions', 'monitoring.coreos.com/v1'), 'No Prometheus operator')
  t.end()
})

void t.test('the dashboards are the generated ones, without panels of logs where none are', (t) => {
  const check = (folder: string, ...values: readonly string[]): void => {
    const maps = render('-s', 'templates/dashboards.yaml', ...values)
    t.equal(maps.length, 3)
    for (const name of ['overview', 'investigate', 'health']) {
      const map = maps.find((object) => {
        return at(object, 'metadata', 'name') === `node-watch-peregrine-${name}`
      })
      t.equal(at(map, 'metadata', 'labels', 'grafana_dashboard'), '1')
      t.same(
        JSON.parse(text(at(map, 'data', `${name}.json`))),
        JSON.parse(readText(`${folder}/${name}.json`)),
        `${folder}/${name}.json`,
      )
    }
  }
  const env = 'exporter.env[0].name=PEREGRINE_LOKI_URL,exporter.env[0].value=http://loki'
  check('dashboards/without-loki')
  check('dashboards', '--set', 'loki.url=http://loki')
  check('dashboards', '--set', env)
  check('dashboards', '--set', 'dashboards.logs=true')
  check('dashboards/without-loki', '--set', 'loki.url=http://loki,dashboards.logs=false')
  t.end()
})

void t.test("Falco's command works with another chart's name", (t) => {
  const command = [
    ...['--set', 'driver.kind=ebpf', ...certificates(t)],
    ...['--set', 'falco.grpc.enabled=true,falco.grpcOutput.enabled=true'],
    ...['--set', 'falco.grpc_output.enabled=true', ...FALCO],
  ]
  const objects = render(...command)
  const args = list(at(container(objects, 'peregrined'), 'args'))
  for (const expected of [
    '--priority=notice',
    '--rule-matching=all',
    '--stdout=json',
    '--json-output',
    '--log-level=warn',
    '--http-output=http://siem/',
    '-o=http_output.insecure=true',
    '--grpc-listen=0.0.0.0:5060',
    '--tls-client-ca=/etc/peregrine/certs/ca.crt',
  ]) {
    t.ok(args.includes(expected), expected)
  }
  t.equal(at(container(objects, 'peregrined'), 'image'), 'peregrined:0.1.0', "not Falco's image")
  const secret = at(kind(objects, 'Secret'), 'data', 'server.key')
  t.equal(Buffer.from(text(secret), 'base64').toString(), 'PEM of server.key')
  const rules = objects.find((one) => text(at(one, 'metadata', 'name')).endsWith('-rules'))
  t.match(text(at(rules, 'data', 'mine.yaml')), 'proc.name = curl')
  const env = JSON.stringify(at(container(objects, 'exporter'), 'env'))
  t.match(env, '"PEREGRINE_LOKI_URL","value":"http://loki:3100"')

  const told = notes(...command)
  for (const key of [
    'driver',
    'image',
    'podSecurityPolicy',
    'tty',
    'falcoctl',
    'falcosidekick',
    'falco.grpcOutput',
    'falco.grpc_output',
    'falco.load_plugins',
    'falco.grpc.bind_address',
  ]) {
    t.match(told, `  ${key}: `, `${key} is answered`)
  }
  t.end()
})

void t.test("every value of Falco's chart takes effect, or the notes answer it", (t) => {
  const values = readYaml('test/stack/values/falco-all.yaml')
  const directory = t.testdir({ 'values.json': JSON.stringify(values) })
  const all = ['-f', join(directory, 'values.json')]
  const told = notes(...all)
  const answered = Array.from(told.matchAll(/^ {2}([\w., -]+): /gm), ([, keys = '']) => {
    return keys.split(', ')
  }).flat()
  const isAnswered = (path: string): boolean =>
    answered.some((key) => path === key || path.startsWith(`${key}.`))
  const withNotes = ['--set-json', `extraObjects=${JSON.stringify([NOTES])}`]
  const whole = template(...all, ...withNotes)
  t.equal(whole.code, 0, whole.stderr)
  const paths = leaves(values)
  t.ok(paths.length > 200)
  for (const path of paths.filter((one) => !isAnswered(one.join('.')))) {
    // What it does shows by what is missing without it; some cannot do without one another.
    writeFileSync(join(directory, 'values.json'), JSON.stringify(without(values, path)))
    t.not(template(...all, ...withNotes).stdout, whole.stdout, `${path.join('.')} does something`)
  }
  t.end()
})

void t.test("the daemon takes Falco's settings as the chart passes them on", (t) => {
  const daemon = container(render('-f', 'test/stack/values/falco-all.yaml'), 'peregrined')
  const changes = list(at(daemon, 'args'))
    .map(text)
    .filter((arg) => arg.startsWith('-o='))
  t.ok(changes.length > 15)
  const { code, stderr } = tryRun(DAEMON, ['--dry-run', '--rules-dir=/none', ...changes])
  t.equal(code, 0, stderr)
  t.notMatch(stderr, 'WARN', 'each does something')
  t.end()
})

void t.test('the daemon knows every flag that the chart gives it', (t) => {
  const help = run(DAEMON, ['--help'])
  const flags = [...certificates(t), ...FALCO, '--set', 'falco.file_output.enabled=true']
  flags.push('--set', 'falco.file_output.filename=/var/log/alerts')
  for (const arg of list(at(container(render(...flags), 'peregrined'), 'args'))) {
    const flag = text(arg).split('=')[0] ?? ''
    t.ok(help.split(/\s+/).includes(flag), flag)
  }
  const settings = run(process.execPath, ['dist/src/main.js', '--help'])
  for (const variable of list(at(container(render(...OPERATOR), 'exporter'), 'env'))) {
    const name = text(at(variable, 'name'))
    const flag = `--${name.replace('PEREGRINE_', '').toLowerCase().replaceAll('_', '-')}`
    t.ok(settings.includes(flag), name)
  }
  t.end()
})

void t.test('what cannot work is refused with what to write instead', (t) => {
  const refused = (...args: readonly string[]): string => {
    const { code, stderr } = template(...args)
    t.not(code, 0, args.join(' '))
    return stderr
  }
  const misspelt = refused('--set', 'tolerationz=x')
  t.match(misspelt, "invalid propertyName 'tolerationz'")
  t.match(misspelt, "'tolerations'", 'names the known ones')
  t.match(refused('--set', 'falco.grpcoutput.enabled=true'), "'grpc_output'")
  t.match(refused('--set', 'falco.priority=loud'), /priority/)
  t.match(
    refused('--set', 'falco.grpc.bind_address=0.0.0.0:5060'),
    'is TCP, which is served with mutual TLS only; give certs.server.crt',
  )
  t.match(refused('--set', 'certs.server.key=x'), 'certs.ca.crt together')
  for (const some of [[], certificates(t)]) {
    const told = refused('--set', 'exporter.kind=deployment', ...some)
    t.match(told, 'with mutual TLS; give certs.server.crt, certs.server.key, certs.client.crt')
  }
  t.match(refused('--set', 'exporter.kind=statefulset'), "'sidecar', 'deployment'")
  t.match(refused('--kube-version', '1.25.0'), 'kubeVersion')
  t.end()
})
