/** Compares what was said, counted and shipped after a run in which things were killed. */

export interface Tally {
  /** The daemon printed this alert, which it does once it is in its journal. */
  printed(number: number): void
  /** Loki took it; the same entry again, by its `identity`, is what Loki drops. */
  shipped(number: number, identity: number): void
  readonly printedCount: number
  /** What is wrong, in words; empty when each alert was counted and shipped exactly once. */
  faults(counted: number): readonly string[]
}

/** Of alerts that are numbered from 0 on; a few bytes for each, since there are millions. */
export function createTally(size: number): Tally {
  const isPrinted = new Uint8Array(size)
  const identities = new Uint32Array(size)
  const doubled: number[] = []
  let printedCount = 0
  let shippedCount = 0
  return {
    printed(number) {
      if (isPrinted[number] === 0) printedCount++
      isPrinted[number] = 1
    },
    shipped(number, identity) {
      const known = identities[number]
      // 0 stands for none.
      const mine = identity === 0 ? 1 : identity
      if (known === mine) return
      shippedCount++
      if (known !== 0) doubled.push(number)
      identities[number] = mine
    },
    get printedCount() {
      return printedCount
    },
    faults(counted) {
      const faults: string[] = []
      for (const [number, is] of isPrinted.entries()) {
        if (is === 1 && identities[number] === 0) faults.push(`missing: ${number}`)
      }
      for (const number of doubled) faults.push(`doubled: ${number}`)
      if (counted !== shippedCount) faults.push(`counted ${counted}, shipped ${shippedCount}`)
      return faults
    },
  }
}
