/** How long things take, as histograms: commits, pushes, and the way of an alert. */
import { Histogram, type Registry } from '@prometheus-io/client'

export interface Times {
  readonly observeCommit: (seconds: number) => void
  readonly observePush: (seconds: number) => void
  /** From an event until its alert was kept. */
  readonly observeSeen: (seconds: number) => void
  /** From an entry being kept until it was delivered. */
  readonly observeShipped: (seconds: number) => void
}

const WORK_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
/** A daemon or a Loki may have been away for an hour. */
const DELAY_BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60, 300, 3_600]

export function createTimes(
  registry: Registry,
  { isShipping }: { readonly isShipping: boolean },
): Times {
  const create = (name: string, help: string, buckets: number[], isUsed = true) => {
    const registers = isUsed ? [registry] : []
    const histogram = new Histogram({ name, help, buckets, registers })
    return (seconds: number): void => {
      histogram.observe(seconds)
    }
  }
  return {
    observeCommit: create(
      'peregrine_store_commit_duration_seconds',
      'Time from planning a commit until it was durable.',
      WORK_BUCKETS,
    ),
    observePush: create(
      'peregrine_ship_push_duration_seconds',
      'Time of one push to Loki, whatever came of it.',
      WORK_BUCKETS,
      isShipping,
    ),
    observeSeen: create(
      'peregrine_alerts_delay_seconds',
      'Time from an event until its alert was counted, of the newest alert of each commit.',
      DELAY_BUCKETS,
    ),
    observeShipped: create(
      'peregrine_ship_delay_seconds',
      'Time from counting an alert until Loki had it, of the oldest one of each batch.',
      DELAY_BUCKETS,
      isShipping,
    ),
  }
}
