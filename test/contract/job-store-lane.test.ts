import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { LiveKey } from '../../core/job.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aKey, anInReview, aQueued, aRunning, LANE, NOW } from '../support/records.ts'

const inLane = (jobId: string, at: number) => aQueued({ key: aKey({ jobId, at }) })
const ids = (page: { records: { key: LiveKey }[] }) => page.records.map((r) => r.key.jobId)

describe('a lane', () =>
  onEveryEngine((on) => {
    it('is read in order of time, then of id, whatever the order of entering', async () => {
      const { jobs } = on()
      for (const [id, at] of [
        ['c', 2_000],
        ['z', 5],
        ['b', NOW],
        ['a', NOW],
        ['d', 30],
      ] as const)
        await jobs.enter({ record: inLane(id, at) })
      const page = await jobs.lane({ lane: LANE, limit: 10 })
      expect(ids(page)).toEqual(['z', 'd', 'c', 'a', 'b'])
      expect(page).toMatchObject({ unreadable: [], more: false, last: aKey({ jobId: 'b' }) })
    })

    it('holds records of every state, each as it was written', async () => {
      const { jobs, plant } = on()
      const records = [aRunning(), aQueued({ key: aKey({ at: NOW + 1 }) }), anInReview({ key: aKey({ at: NOW + 2 }) })]
      for (const record of records) await plant('live', liveItem(record))
      expect((await jobs.lane({ lane: LANE, limit: 10 })).records).toEqual(records)
    })

    it('is read alone: no neighbour of a like name is in it', async () => {
      const { jobs } = on()
      for (const lane of [`${LANE}x`, LANE.slice(0, -1), `${LANE}#sub`])
        await jobs.enter({ record: aQueued({ key: aKey({ lane }) }) })
      expect(await jobs.lane({ lane: LANE, limit: 10 })).toEqual({ records: [], unreadable: [], more: false })
    })

    it('goes on strictly behind a key, whether something stands at it or not', async () => {
      const { jobs } = on()
      for (const at of [1, 2, 3]) await jobs.enter({ record: inLane(`job-${at}`, at) })
      const behind = (jobId: string, at: number) => jobs.lane({ lane: LANE, limit: 9, after: aKey({ jobId, at }) })
      expect(ids(await behind('job-1', 1))).toEqual(['job-2', 'job-3'])
      expect(ids(await behind('aaa', 2))).toEqual(['job-2', 'job-3'])
      expect(ids(await behind('zzz', 2))).toEqual(['job-3'])
      expect(ids(await behind('job-3', 3))).toEqual([])
    })

    it('says that there is more exactly when there is', async () => {
      const { jobs } = on()
      for (const at of [1, 2, 3]) await jobs.enter({ record: inLane(`job-${at}`, at) })
      const more = async (limit: number, after?: LiveKey) =>
        (await jobs.lane({ lane: LANE, limit, ...(after ? { after } : {}) })).more
      expect([await more(1), await more(2), await more(3), await more(4)]).toEqual([true, true, false, false])
      const behindFirst = aKey({ jobId: 'job-1', at: 1 })
      expect([await more(1, behindFirst), await more(2, behindFirst)]).toEqual([true, false])
    })

    it('is read whole by pages, nothing twice and nothing left out', async () => {
      const { jobs } = on()
      const all = Array.from({ length: 57 }, (_, i) => inLane(`job-${i}`, NOW + (i % 7)))
      await Promise.all(all.map((record) => jobs.enter({ record })))
      const read: string[] = []
      let after: LiveKey | undefined
      for (let more = true; more; ) {
        const page = await jobs.lane({ lane: LANE, limit: 10, ...(after ? { after } : {}) })
        read.push(...ids(page))
        after = page.last
        more = page.more
      }
      expect(read).toHaveLength(57)
      expect(new Set(read).size).toBe(57)
    })

    it('tells records that do not parse apart, and the others are read all the same', async () => {
      const { jobs, plant } = on()
      await jobs.enter({ record: inLane('first', 1) })
      await plant('live', { ...liveItem(inLane('newer', 2)), v: 2 })
      await plant('live', { ...liveItem(inLane('half', 3)), fence: 'three' })
      await jobs.enter({ record: inLane('last', 4) })
      const page = await jobs.lane({ lane: LANE, limit: 10 })
      expect(ids(page)).toEqual(['first', 'last'])
      expect(page.unreadable).toEqual(['0000000000002#newer', '0000000000003#half'])
    })

    it('can be read on behind a page of nothing but such records', async () => {
      const { jobs, plant } = on()
      for (const at of [1, 2]) await plant('live', { ...liveItem(inLane('odd', at)), v: 2 })
      await jobs.enter({ record: inLane('sound', 3) })
      const page = await jobs.lane({ lane: LANE, limit: 2 })
      expect(page).toMatchObject({ records: [], more: true, last: aKey({ jobId: 'odd', at: 2 }) })
      expect(ids(await jobs.lane({ lane: LANE, limit: 2, after: page.last as LiveKey }))).toEqual(['sound'])
    })

    it('goes on from the last key that is one', async () => {
      const { jobs, plant } = on()
      await jobs.enter({ record: inLane('sound', 1) })
      const { sk: _, ...rest } = liveItem(aQueued())
      await plant('live', { ...rest, sk: 'not-a-time#job' })
      const page = await jobs.lane({ lane: LANE, limit: 10 })
      expect(page).toMatchObject({ unreadable: ['not-a-time#job'], last: aKey({ jobId: 'sound', at: 1 }) })
    })

    it('holds more than one answer of the database can', async () => {
      const { jobs } = on()
      // A Query answers 1 MB at most.
      const long = [{ at: NOW, class: 'x', message: 'm'.repeat(100_000) }]
      const all = Array.from({ length: 15 }, (_, i) => aQueued({ key: aKey({ jobId: `job-${10 + i}` }), errors: long }))
      await Promise.all(all.map((record) => jobs.enter({ record })))
      expect(ids(await jobs.lane({ lane: LANE, limit: 15 }))).toHaveLength(15)
      expect(await jobs.lane({ lane: LANE, limit: 14 })).toMatchObject({ more: true, last: { jobId: 'job-23' } })
    })
  }))
