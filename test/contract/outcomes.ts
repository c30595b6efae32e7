/** What contracts promise of outcomes: exactly one of many, and a refusal that touches nothing. */
import { expect } from 'vitest'
import type { Stores } from '../support/engines.ts'

/** The index of the only outcome that won; fails the test where none did, or two. */
export function theOne<T>(outcomes: readonly T[], won: (outcome: T) => boolean): number {
  const winners = outcomes.flatMap((o, i) => (won(o) ? [i] : []))
  expect(winners, `winners among ${JSON.stringify(outcomes)}`).toHaveLength(1)
  return winners[0] as number
}

/** What must refuse must also leave every table as it was. */
export async function changesNothing<T>(on: () => Stores, step: () => Promise<T>): Promise<T> {
  const before = await on().everything()
  const outcome = await step()
  expect(await on().everything()).toEqual(before)
  return outcome
}
