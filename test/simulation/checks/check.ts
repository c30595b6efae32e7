/** What a check is told, and what it may look at. A check knows the documents, never the code that it checks. */
import type { JobEvent, JobMessage, ModelRequest } from '../../../services/ports.ts'
import type { Book, JobFacts } from '../book.ts'
import type { CallKind } from '../faults.ts'
import type { Move } from '../moves.ts'
import type { ProviderAnswer } from '../ports.ts'
import type { SimProcess } from '../process.ts'
import type { Scenario } from '../scenario.ts'
import type { ObservedTables, Written } from '../tables.ts'

/** A call as the provider counts it, with the permit that it was made under. */
export interface Arrival {
  readonly request: ModelRequest
  readonly process: SimProcess
  readonly at: number
  readonly pool: string
  readonly job: JobFacts | undefined
  readonly permit: JobMessage['jobs'][number] | undefined
  /** What the provider answers, and after how many ms. */
  readonly said: ProviderAnswer
}
/** A call that a person makes by itself, under a permit. */
export interface PersonsCall {
  readonly pool: string
  readonly id: string
  readonly at: number
  readonly asked: { readonly inputTokens: number; readonly maxOutputTokens: number; readonly useWithinMs: number }
  readonly used: { readonly inputTokens: number; readonly outputTokens: number }
  readonly afterMs: number
  /** It was passed through: whether its usage is told in the end, or it was left before. */
  readonly passed?: { readonly told: boolean }
}
export interface Actor {
  readonly process: SimProcess
  readonly kind: CallKind
  readonly args: unknown
}
export interface Asked {
  readonly n: number
  readonly owner: string
  readonly kind: string
}
export interface Witness {
  readonly scenario: Scenario
  readonly book: Book
  readonly tables: ObservedTables
  now(): number
  /** ms since faults stopped; below zero before that. */
  sinceFaultsMs(): number
  /** What was asked for under this number, if anything was. */
  asked(n: number): Asked | undefined
  /** What was metered under this name. */
  counted(name: string): number
  fail(check: string, message: string): void
  /** A legal edge was taken. */
  edge(name: string): void
}
export interface Check {
  /** At every commit, of which the book does not know yet. */
  commit?(commit: readonly Written[], actor: Actor | undefined): void
  /** What a commit did to one job, of which the book does not know yet. */
  move?(move: Move, job: JobFacts | undefined, actor: Actor | undefined): void
  /** Any call of the outside, at the moment of its effect. */
  effect?(actor: Actor): void
  /** A message that the queue took. */
  sent?(message: JobMessage, actor: Actor | undefined): void
  arrival?(arrival: Arrival): void
  personCalled?(call: PersonsCall): void
  /** An end that the bus took. */
  published?(event: JobEvent): void
  /** An end that was tried too often, and is kept apart for a person. */
  keptApart?(event: JobEvent): void
  /** A submit was answered with ok. */
  accepted?(jobId: string, asked: Asked): void
  /**
   * The tables were restored from a backup, and the book tells of what stands now. A check that is not told of it is not
   * asked any more from when functions have ended: a restore breaks what it holds.
   */
  restored?(): void
  /** Once faults have stopped and everything has come to rest. */
  rest?(): void
}
export type MakeCheck = (w: Witness) => Check

/** Of a check that remembers nothing which a restore takes back. */
export const GOES_ON: Pick<Check, 'restored'> = { restored: () => undefined }
