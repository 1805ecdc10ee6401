/**
 * The ledger: keeps counts, positions and outbox together.
 *
 *   deliveries of all daemons ─► sift ─► plan counts, render entries ─► one commit ─► apply
 *
 * While one commit is on its way to the disk, further deliveries gather for the next. Only what
 * is kept is counted, shown, shipped and confirmed to the daemon's reader.
 *
 * Invariant: one commit at a time. When the store fails, the same transaction is tried until it
 * works; meanwhile readers of our daemons wait (their journals keep the alerts), and readers of
 * Falco's standard protocol keep a bounded number and drop the rest, counted.
 */
export {
  createLedger,
  type Ledger,
  type LedgerHealth,
  type LedgerOptions,
  type ToEventId,
} from './ledger.js'
export { createPositions, sift, type Sifted } from './sift.js'
