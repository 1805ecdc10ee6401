/**
 * What the exporter keeps on disk: counts, positions, scrapers, and the outbox for Loki.
 *
 * One LevelDB (`classic-level`): prebuilt inside the npm package, works in libuv's threads and
 * so off the event loop, and its batch is atomic and, with `sync`, durable. `node:sqlite` would
 * need a worker and copies to get off the loop; `lmdb` maps its file, so a full
 * outbox would show as resident memory.
 *
 * Invariant: counts, input positions and outbox chunks of the same alerts are one batch. A
 * process killed at any instruction has all three or none, so no alert is counted twice or
 * left out. A store that was lost is a plain counter reset.
 *
 * What happens when the disk is full: the commit fails, the store is opened again with the next
 * one, and the same transaction is tried again; it holds absolute values, so doing it twice is
 * doing it once. Bounds: the budget of series, 64 scrapers, the outbox's limits.
 */
export { StoreError } from './errors.js'
export type { Chunk, ChunkRef } from './outbox.js'
export {
  openStore,
  TEMPORARY,
  type LoadedChunks,
  type OutboxLimits,
  type Store,
  type Transaction,
} from './store.js'
