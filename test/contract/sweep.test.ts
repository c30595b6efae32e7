/** What DynamoDB's TTL does in AWS, of the engines of one machine. */
import { describe, expect, it } from 'vitest'
import { inputItem } from '../../adapters/records.ts'
import { sweepTables } from '../../local/engine/sweep.ts'
import { onDynoxide, onEveryEngine, type Stores } from '../support/engines.ts'
import {
  aDraft,
  aKey,
  aLeader,
  anApproval,
  anEnd,
  anInput,
  anInReview,
  anOwnerRecord,
  aQueued,
  aRunning,
  DAY_MS,
  EXPIRES_AT,
  NOW,
  POOL,
} from '../support/records.ts'

/** A job with every part that one can have, who leads those that ask the same, and what an owner has used. */
async function someWork({ jobs, rings }: Stores): Promise<void> {
  await jobs.create({ input: anInput() })
  await jobs.enter({ record: aQueued() })
  await jobs.claim({ key: aKey(), fence: 0, nonce: 'nonce-1', leaseUntil: NOW + 60_000, now: NOW })
  await jobs.transition({ from: aRunning(), to: anInReview(), draft: aDraft({ expiresAt: EXPIRES_AT }) })
  await jobs.transition({ from: anInReview(), end: anEnd(), approval: anApproval() })
  await jobs.lead({ leader: aLeader() })
  await rings.keep({ pool: POOL, records: [anOwnerRecord({ expiresAt: NOW + DAY_MS })] })
}
const keysIn = async (on: Stores) => (await on.everything()).map(({ table, item }) => `${table} ${item.sk}`)

onEveryEngine((on) => {
  describe('a sweep', () => {
    it('erases what has expired, each part at its time, and never an approval', async () => {
      await someWork(on())
      const parts = ['jobs at', 'jobs draft#0001', 'jobs end', 'jobs input']
      await on().sweep(NOW)
      expect(await keysIn(on())).toEqual(['approvals 0001', 'jobs leader', ...parts, 'rings ada'])
      await on().sweep(NOW + DAY_MS)
      expect(await keysIn(on())).toEqual(['approvals 0001', ...parts])
      await on().sweep(EXPIRES_AT - 1)
      expect(await keysIn(on())).toEqual(['approvals 0001', ...parts])
      await on().sweep(EXPIRES_AT)
      expect(await keysIn(on())).toEqual(['approvals 0001'])
    })

    it('leaves a live record whose input has expired: its worker ends the job', async () => {
      await on().jobs.create({ input: anInput() })
      await on().jobs.enter({ record: aQueued() })
      await on().sweep(EXPIRES_AT + DAY_MS)
      expect(await on().jobs.live({ keys: [aKey()] })).toEqual([aQueued()])
      expect(await keysIn(on())).toHaveLength(1)
    })

    it('erases as many as there are, and none of those between that stand', async () => {
      const input = (i: number) => anInput({ jobId: `job-${i}`, expiresAt: EXPIRES_AT + (i % 2) * DAY_MS })
      await on().jobs.createFresh({ inputs: Array.from({ length: 600 }, (_, i) => input(i)) })
      await on().sweep(EXPIRES_AT)
      expect(await on().everything()).toHaveLength(300)
    })
  })
})

onDynoxide((on) => {
  describe('a sweep', () => {
    it('leaves a later job that takes the place of an expired one just then', async () => {
      const later = inputItem(anInput({ submittedAt: EXPIRES_AT, expiresAt: EXPIRES_AT + DAY_MS }))
      const { tables } = on()
      await on().jobs.create({ input: anInput() })
      tables.db.middlewareStack.add(
        (next, context) => async (args) => {
          if (context.commandName === 'DeleteItemCommand') await on().plant('jobs', later)
          return next(args)
        },
        { step: 'initialize' },
      )
      await sweepTables(tables, EXPIRES_AT, new AbortController().signal)
      expect(await on().everything()).toEqual([{ table: 'jobs', item: later }])
    })
  })
})
