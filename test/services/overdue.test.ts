/** What was sent and never rang about is read by its key: here are the messages of many jobs lost. */
import { describe, expect, it } from 'vitest'
import type { LiveRecord } from '../../core/job.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { World } from '../support/world.ts'

const COUNT = 60
/** The dispatcher's reads by key: how many records each asked for, and how many were under way together. */
interface Reads {
  readonly sizes: number[]
  atOnce: number
}

/** All first messages are lost; each read by key takes a while, and may throw. */
async function overdue(throws: (read: number) => boolean) {
  const world = new World({ pool: { requests: 6_000 } })
  const reads: Reads = { sizes: [], atOnce: 0 }
  const lostUntil = world.now() + 2_000
  world.delivery = () => (world.now() < lostUntil ? [] : [20])
  let underWay = 0
  const { jobs } = world.api
  const live: FunctionDeps['jobs']['live'] = async ({ keys }) => {
    reads.sizes.push(keys.length)
    reads.atOnce = Math.max(reads.atOnce, ++underWay)
    await world.clock.until(world.now() + 10)
    underWay--
    if (throws(reads.sizes.length)) throw new Error('throttled')
    return jobs.live({ keys })
  }
  world.dispatcher = () => ({ ...world.process(), jobs: { ...jobs, live } })
  return { world, reads, ids: await world.submitMany(COUNT) }
}

describe('what is overdue', () => {
  it('is read alone where one record does not parse, some at a time', async () => {
    const { world, reads, ids } = await overdue(() => false)
    await world.until(() => world.messages.length > 0)
    const { key } = world.liveOf(ids[3] as string)[0] as LiveRecord
    world.tables.commit([{ table: 'live', put: { pk: key.lane, sk: `${key.at}#${key.jobId}`, v: 99 } }])
    await world.ended(ids.filter((id) => id !== key.jobId))
    expect(reads.sizes[0]).toBeGreaterThan(20)
    expect(reads.sizes.filter((size) => size === 1).length).toBeGreaterThan(20)
    expect(reads.atOnce).toBeLessThanOrEqual(16)
    expect(world.counted('Unreadable')).toBeGreaterThan(0)
  })

  it('is read together again where the read failed for another reason', async () => {
    const { world, reads, ids } = await overdue((read) => read === 1)
    await world.ended(ids)
    expect(reads.sizes[0]).toBeGreaterThan(20)
    expect(reads.sizes.filter((size) => size === 1)).toEqual([])
    expect(world.counted('TicksFailed')).toBe(1)
  })
})
