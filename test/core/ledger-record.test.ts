import { describe, expect, it } from 'vitest'
import { nextLease } from '../../core/lease.ts'
import { earliest, emptyLedger, fullLedger, spanMs } from '../../core/ledger.ts'
import { LedgerRecord, ledgerOf, packed } from '../../core/ledger-record.ts'
import { aLedger, aShape, NOW } from '../support/builders.ts'

const taken = (over: Partial<LedgerRecord> = {}): LedgerRecord => ({
  ...(nextLease(undefined, { holder: 'one', now: NOW, leaseMs: 1000 }) as LedgerRecord),
  ...over,
})
const asked = (old: LedgerRecord | undefined, now = NOW) => nextLease(old, { holder: 'two', now, leaseMs: 1000 })

describe('the lease', () => {
  it('goes to the first who asks, under epoch 1', () => {
    expect(asked(undefined)).toEqual({
      v: 1,
      next: 0,
      lastSlot: 0,
      clock: 0,
      tiers: {},
      epoch: 1,
      version: 1,
      holder: 'two',
      state: 'held',
      until: NOW + 1000,
    })
  })

  it.each(['held', 'ending'] as const)('goes to nobody else while it is %s and not over', (state) => {
    expect(asked(taken({ state, until: NOW + 1 }))).toBeUndefined()
    expect(asked(taken({ state, until: NOW }))).toMatchObject({ holder: 'two', state: 'held' })
  })

  it('goes to the next at once when it was let go', () => {
    expect(asked(taken({ state: 'free', until: NOW + 1000 }))).toMatchObject({ holder: 'two', until: NOW + 1000 })
  })

  it('raises epoch and version, and keeps ledger, pacing and turns', () => {
    const old = taken({
      epoch: 4,
      version: 70,
      state: 'free',
      ledger: packed(aLedger({ permits: [{ slot: NOW }] })),
      next: NOW + 0.5,
      lastSlot: NOW,
      order: 'weighted',
      clock: 12.5,
      tiers: { high: { turn: 3, v: 2, active: true } },
    })
    expect(asked(old)).toEqual({ ...old, epoch: 5, version: 71, holder: 'two', state: 'held', until: NOW + 1000 })
  })
})

describe("a pool's record", () => {
  const shape = aShape()

  it('holds the ledger as it stood', () => {
    const ledger = aLedger({ now: NOW - spanMs(shape), permits: [{ slot: NOW }, { slot: NOW + 300 }] })
    const record = LedgerRecord.parse(taken({ ledger: packed(ledger) }))
    expect(ledgerOf(record, { shape, history: 'full', now: NOW + 500 })).toEqual(ledger)
  })

  it('without a ledger counts as full or empty, as the pool says', () => {
    expect(ledgerOf(taken(), { shape, history: 'full', now: NOW })).toEqual(fullLedger(shape, NOW))
    expect(ledgerOf(taken(), { shape, history: 'empty', now: NOW })).toEqual(emptyLedger(shape, NOW))
    expect(earliest(ledgerOf(taken(), { shape, history: 'full', now: NOW }), NOW, { requests: 1, tokens: 0 })).toBe(
      NOW + spanMs(shape),
    )
  })

  it('is refused where its ledger is no bytes', () => {
    const spoiled = { ...taken(), ledger: { bytes: 'AAAA', first: 0, bucketMs: 100 } }
    expect(LedgerRecord.safeParse(spoiled).success).toBe(false)
  })
})
