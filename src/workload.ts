/**
 * Which namespace and pod an alert is about.
 *
 * Kubernetes audit events name their target in `ka.target.*`; for people who look at one pod
 * it is the same question as for a system call in it.
 */
import type { Alert } from './alert.js'

export const NAMESPACE_FIELDS: readonly string[] = ['k8s.ns.name', 'ka.target.namespace']
export const POD_FIELDS: readonly string[] = ['k8s.pod.name', 'ka.target.pod.name']

export function toNamespace({ fields }: Alert): string {
  const own = fields.get('k8s.ns.name') ?? ''
  return own === '' ? (fields.get('ka.target.namespace') ?? '') : own
}

export function toPod({ fields, source }: Alert): string {
  const own = fields.get('k8s.pod.name') ?? ''
  if (own !== '' || source === 'syscall') return own
  const target = fields.get('ka.target.pod.name') ?? ''
  if (target !== '') return target
  // `ka.target.name` names whatever kind of object the request was about.
  return fields.get('ka.target.resource') === 'pods' ? (fields.get('ka.target.name') ?? '') : ''
}
