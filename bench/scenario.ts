/** What a scenario is: a name, a line, and a run that yields figures. */
export interface Figure {
  readonly scenario: string
  readonly variant: string
  readonly metric: string
  readonly value: number
  readonly unit: string
}
export interface Options {
  /** The long forms: larger backlogs, longer loads. */
  readonly full: boolean
  /** At a provider's usual limit, in its real time. */
  readonly real: boolean
  /** So many runs of everything: each figure is then there so many times. */
  readonly runs: number
  /** Progress, for people. */
  say(line: string): void
}
export interface Scenario {
  readonly name: string
  readonly describe: string
  run(options: Options): Promise<Figure[]>
}
