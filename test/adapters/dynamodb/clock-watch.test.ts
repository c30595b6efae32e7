import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dynamoCapacityStore } from '../../../adapters/dynamodb/capacity-store.ts'
import { knownOffMs } from '../../../adapters/dynamodb/clock-watch.ts'
import { onDynoxide } from '../../support/engines.ts'
import { POOL } from '../../support/records.ts'

/** What a machine whose clock is `offMs` ahead sees of an answer that took `tookMs` and was dated after `datedMs` of it. */
const seen = (p: { offMs: number; tookMs: number; datedMs: number; at: number }) => ({
  sentAt: p.at + p.offMs,
  heardAt: p.at + p.tookMs + p.offMs,
  date: Math.floor((p.at + Math.min(p.datedMs, p.tookMs)) / 1000) * 1000,
})
const ms = (max: number) => fc.integer({ min: 0, max })

describe('how far a clock is known to be off', () => {
  it('is never more than it is, however long an answer takes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -90_000, max: 90_000 }),
        ms(3_000),
        ms(3_000),
        ms(10 ** 9),
        (offMs, tookMs, datedMs, at) => {
          expect(knownOffMs(seen({ offMs, tookMs, datedMs, at }))).toBeLessThanOrEqual(Math.abs(offMs))
        },
      ),
    )
  })

  it('is all of it but a second and what the answer took', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -90_000, max: 90_000 }),
        ms(500),
        ms(500),
        ms(10 ** 9),
        (offMs, tookMs, datedMs, at) => {
          expect(knownOffMs(seen({ offMs, tookMs, datedMs, at }))).toBeGreaterThanOrEqual(
            Math.abs(offMs) - 1_000 - tookMs,
          )
        },
      ),
    )
  })
})

describe('a capacity store', () =>
  onDynoxide((on) => {
    it('knows of its own clock that it is right, for the engine runs on the same machine', async () => {
      await on().capacity.lease({ pool: POOL })
      expect(on().capacity.clockOffMs()).toBeLessThan(1_000)
    })

    it('sees at the Date of an answer that a clock is wrong', async () => {
      const { tables } = on()
      const capacity = dynamoCapacityStore(tables, () => Date.now() + 60_000)
      await capacity.lease({ pool: POOL })
      expect(capacity.clockOffMs()).toBeGreaterThan(58_000)
      const ask = { pool: POOL, holder: 'me', now: Date.now() + 60_000, leaseMs: 9 }
      expect(await capacity.acquire(ask)).toEqual({ kind: 'clock-off' })
      expect(await on().everything()).toEqual([])
    })
  }))
