/** People who ask for permits of a pool that agents use, in virtual time: the real services. */
import { expect } from 'vitest'
import { askPermit, type PermitRequest } from '../../services/permits/ask.ts'
import { aCaller } from './callers.ts'
import { World } from './world.ts'

export const WINDOW_MS = 6_000
export const LIMIT = 60
export const pat = aCaller('pat', { scopes: ['capacity:use'] })
export const quin = aCaller('quin', { scopes: ['capacity:use'] })

export const shared = (pool: object = {}) =>
  new World({
    pool: { requests: LIMIT, windowMs: WINDOW_MS, people: { perPerson: { open: 3, calls: 20 } }, ...pool },
  })
export const ask = (world: Pick<World, 'api'>, request: Partial<PermitRequest> = {}, who = pat, pool = 'main') =>
  askPermit(world.api, who, pool, {
    inputTokens: 10,
    maxOutputTokens: 10,
    useWithinMs: 1_000,
    lastsMs: 5_000,
    ...request,
  })
/** What is asked while time goes on. */
export async function meanwhile<T>(world: World, asking: Promise<T>): Promise<T> {
  let answer: { value: T } | undefined
  void asking.then((value) => {
    answer = { value }
  })
  await world.until(() => answer !== undefined, 60_000)
  return (answer as unknown as { value: T }).value
}
export const granted = async (world: World, request: Partial<PermitRequest> = {}, who = pat) => {
  const answer = await meanwhile(world, ask(world, { waitS: 25, ...request }, who))
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.detail}`)
  expect(answer.permit.state).toBe('granted')
  return answer.permit
}
export const at = (id: string) => ({ pool: 'main', id })
/** A world in which the dispatcher is up and agents wait. */
export async function busy(pool: object = {}, jobs = 400): Promise<World> {
  const world = shared(pool)
  await world.submitMany(jobs)
  world.start()
  await world.pass(2 * WINDOW_MS)
  return world
}
