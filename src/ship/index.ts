/**
 * Ships alerts to Loki: renders entries, and empties the outbox in order.
 *
 * Knows nothing of series. Loki away: the outbox grows to its limits in bytes and age, then its
 * oldest entries are given up and counted. Bounds: one push of about 2 MiB in memory, and packed.
 * In = accepted + dropped + waiting, over the life of the outbox.
 */
export { DECISIONS } from './decide.js'
export { createEncoder, type Encode } from './encode.js'
export { toFixed, type Fixed } from './entry.js'
export { createPusher, type LokiTarget, type Pusher, type TlsOptions } from './push.js'
export {
  createShipHealth,
  offsetNow,
  runShip,
  trim,
  type ShipHealth,
  type ShipOptions,
  type ShipTrouble,
} from './ship.js'
export { createStreams, type Streams } from './streams.js'
