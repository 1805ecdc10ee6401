/** The variables on top of a dashboard. */
import {
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PRIORITIES, PROMETHEUS } from './config.js'

/** Matches an absent label too: hosts have no pod, and a single cluster needs no name. */
const ALL = '.*'

export function prometheusVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource')
    .label('Prometheus')
    .description('Where the series are')
    .type('prometheus')
}

export function lokiVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('loki')
    .label('Loki')
    .description('Where the log lines are')
    .type('loki')
}

function fromLabel(name: string, label: string, metric: string, of: string): QueryVariableBuilder {
  const query = `label_values(${metric}, ${of})`
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(PROMETHEUS)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalCaseInsensitiveAsc)
    .multi(true)
    .includeAll(true)
    .allValue(ALL)
    .current({ text: ['All'], value: ['$__all'] })
}

export function detectionVariables(): (QueryVariableBuilder | CustomVariableBuilder)[] {
  const inCluster = 'falco_events{cluster=~"$cluster"}'
  const onNode = 'falco_events{cluster=~"$cluster",hostname=~"$node"}'
  const inNamespace =
    'falco_events{cluster=~"$cluster",hostname=~"$node",k8s_ns_name=~"$namespace"}'
  return [
    fromLabel('cluster', 'Cluster', 'falco_events', 'cluster'),
    fromLabel('node', 'Node', inCluster, 'hostname'),
    fromLabel('namespace', 'Namespace', onNode, 'k8s_ns_name'),
    fromLabel('pod', 'Pod', inNamespace, 'k8s_pod_name'),
    fromLabel('rule', 'Rule', inCluster, 'rule'),
    priorityVariable(),
  ]
}

/** Of the Health dashboard: the exporters, which exist before the first detection. */
export function nodeVariables(): QueryVariableBuilder[] {
  return [
    fromLabel('cluster', 'Cluster', 'peregrine_build_info', 'cluster'),
    fromLabel('exporter', 'Exporter', 'peregrine_build_info{cluster=~"$cluster"}', 'instance'),
  ]
}

function priorityVariable(): CustomVariableBuilder {
  const values = PRIORITIES.map(({ number, name }) => `${name} : ${number}|${name}`)
  return new CustomVariableBuilder('priority')
    .label('Priority')
    .values(values.join(', '))
    .multi(true)
    .includeAll(true)
    .allValue(ALL)
    .current({ text: ['All'], value: ['$__all'] })
}

export function textVariable(): TextBoxVariableBuilder {
  return new TextBoxVariableBuilder('text')
    .label('Line contains')
    .description('Shows only log lines that contain this, whatever the case')
    .defaultValue('')
}
