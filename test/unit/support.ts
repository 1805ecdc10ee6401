/** An alert for unit tests; the changes say what the case is about. */
import type { Alert } from '../../src/alert.js'

export function alertOf(changes: Partial<Alert> = {}): Alert {
  return {
    kind: 'detection',
    rule: 'Rule',
    priority: 4,
    hostname: 'node-a',
    source: 'syscall',
    tags: ['a', 'b'],
    output: 'output',
    fields: new Map([
      ['k8s.ns.name', 'shop'],
      ['k8s.pod.name', 'cart-1'],
    ]),
    timeNanoseconds: 1_700_000_000_000_000_000n,
    position: undefined,
    gap: undefined,
    ...changes,
  }
}
