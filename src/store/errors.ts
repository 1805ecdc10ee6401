/** What can be wrong with the store when it is opened; the text says what to do. */

export type StoreErrorCode = 'PGR_STORE_IN_USE' | 'PGR_STORE_NEWER' | 'PGR_STORE_UNUSABLE'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** Level wraps the system's error; the innermost code tells most. */
export function hasCode(error: unknown, code: string): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    if ('code' in at && at.code === code) return true
    at = at.cause
  }
  return false
}
