/** What a scenario is: a name, a line, and a run that yields figures. */
export interface Figure {
  readonly scenario: string
  readonly variant: string
  readonly metric: string
  readonly value: number
  readonly unit: string
}
export interface Options {
  /** The sizes that take long. */
  readonly full: boolean
  /** A provider's real window of a minute, for ten minutes. */
  readonly real: boolean
  /** So often is each figure measured; the worst counts (bench/worst.ts). */
  readonly runs: number
  /** SVG plots of what was measured go into docs/benchmarks. */
  readonly plots?: boolean
  /** Progress for people, on stderr. */
  say(line: string): void
}
export interface Scenario {
  readonly name: string
  readonly describe: string
  run(options: Options): Promise<Figure[]>
}
