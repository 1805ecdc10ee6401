/** Compares what was said, counted and shipped after a run in which things were killed. */

export interface Tally {
  /** Outputs that the daemon printed, which it does once they are in its journal. */
  readonly printed: readonly string[]
  /** Id and line of each stored entry of the rule. */
  readonly shipped: readonly { readonly id: string; readonly line: string }[]
  /** Sum of falco_events of the rule. */
  readonly counted: number
}

/** What is wrong, in words; empty when each alert was counted and shipped exactly once. */
export function findFaults({ printed, shipped, counted }: Tally): readonly string[] {
  const faults: string[] = []
  const lines = new Set(shipped.map(({ line }) => line))
  const ids = new Set(shipped.map(({ id }) => id))
  for (const output of printed) if (!lines.has(output)) faults.push(`missing: ${output}`)
  if (ids.size !== shipped.length) faults.push(`doubled: ${shipped.length - ids.size} ids`)
  if (lines.size !== shipped.length) faults.push(`doubled: ${shipped.length - lines.size} lines`)
  if (counted !== ids.size) faults.push(`counted ${counted}, shipped ${ids.size}`)
  return faults
}
