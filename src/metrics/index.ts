/** Metrics about the exporter and about the daemons it is subscribed to. */
export { renderDaemonMetrics } from './daemons.js'
export { createSelfMetrics, type MetricSources, type SelfMetrics } from './self.js'
