/** What a scenario is: a name, a line, and a run that yields figures. */
export interface Figure {
  readonly scenario: string
  readonly variant: string
  readonly metric: string
  readonly value: number
  readonly unit: string
}
export interface Scenario {
  readonly name: string
  readonly describe: string
  run(): Promise<Figure[]>
}
