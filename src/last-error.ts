/** The last thing that went wrong at one place, kept when it is well again. */
export interface LastError {
  readonly text: string
  readonly atMilliseconds: number
}
