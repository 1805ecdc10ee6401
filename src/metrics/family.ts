/** How a metric is told: a name, what it stands for, and where to read it. */

export type Samples = readonly (readonly [
  labels: Readonly<Record<string, string>>,
  value: number,
])[]

export interface Family {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: () => Samples
}
