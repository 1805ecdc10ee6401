/**
 * Subscriptions to daemons: our batched, resumable method, and Falco's standard one.
 *
 * Never decides what counts; knows nothing of series, store or Loki. What happens when the
 * daemon goes away: see subscription.ts. Bounds: four batches under way per daemon with our
 * method, 200,000 waiting alerts or 64 MiB with the standard one.
 */
export { parseDaemonSource, type DaemonAddress, type DaemonSource } from './address.js'
export type { TlsIdentity } from './channel.js'
export type { Delivery } from './delivery.js'
export {
  createHealth,
  runSubscription,
  type SubscriptionHealth,
  type SubscriptionOptions,
} from './subscription.js'
export { createSubscriptions, type Subscriptions } from './subscriptions.js'
export type { Status, StatusMetric } from './wire.js'
export { probeDaemon } from './probe.js'
