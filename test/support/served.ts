/** The HTTP functions over a world, and what their answers look like. */
import { expect } from 'vitest'
import { STATUS } from '../../lambdas/shared/problems.ts'
import { type Answered, CALLERS, http } from './http.ts'
import { World } from './world.ts'
import type { WorldSettings } from './world-settings.ts'

/** A body that is accepted. */
export const JOB = { kind: 'step', input: { name: 'Grace' } }
/** An id that no job has. */
export const NOBODY = '0123456789ABCDEFGHJKMNPQRS'

/** A world, and what its functions answer over HTTP. */
export function served(settings: WorldSettings = {}) {
  const world = new World({ callers: CALLERS, ...settings })
  return { world, ask: http(world.api) }
}
/** Nobody dispatches: what is queued stays. */
export function asleep(settings?: WorldSettings) {
  const made = served(settings)
  made.world.wakes = false
  return made
}
/** An answer that is a problem as docs/errors.md describes it. */
export const problem = (answer: Answered) => {
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.json).toMatchObject({
    type: expect.stringContaining(`docs/errors.md#${answer.json.code}`),
    title: expect.any(String),
    status: answer.status,
    detail: expect.any(String),
    remedy: expect.any(String),
  })
  expect(answer.status).toBe(STATUS[answer.json.code as keyof typeof STATUS])
  return answer.json as { code: string; status: number; at?: string; detail: string; remedy: string }
}
