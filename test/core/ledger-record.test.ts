import { describe, expect, it } from 'vitest'
import { nextLease } from '../../core/lease.ts'
import { emptyLedger, fullLedger, spanMs } from '../../core/ledger.ts'
import { LedgerRecord, ledgersOf, packedAll } from '../../core/ledger-record.ts'
import { earliestStamp, type Shapes } from '../../core/ledgers.ts'
import { aCost, aLedger, aShape, NOW, someLedgers } from '../support/builders.ts'

const taken = (over: Partial<LedgerRecord> = {}): LedgerRecord => ({
  ...(nextLease(undefined, { holder: 'one', now: NOW, leaseMs: 1000 }) as LedgerRecord),
  ...over,
})
const asked = (old: LedgerRecord | undefined, now = NOW) => nextLease(old, { holder: 'two', now, leaseMs: 1000 })

describe('the lease', () => {
  it('goes to the first who asks, in the epoch of that moment: above all that a backup may hold', () => {
    expect(asked(undefined)).toEqual({
      v: 1,
      next: 0,
      lastSlot: 0,
      clock: 0,
      tiers: {},
      epoch: NOW,
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
      ...packedAll({ ...someLedgers({ permits: [{ slot: NOW }] }), day: aLedger() }),
      next: NOW + 0.5,
      nextOf: { tokens: NOW + 0.25 },
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
  const longer = aShape({ bucketMs: 500, buckets: 20, limits: { requests: 9, tokens: 90 } })
  const read = (record: LedgerRecord, p: { shapes?: Shapes; history?: History; dayHistory?: History; now?: number }) =>
    ledgersOf(record, { shapes: { window: shape, day: longer }, history: 'full', dayHistory: 'full', now: NOW, ...p })
  type History = 'full' | 'empty'

  it('holds the ledgers as they stood', () => {
    const permits = [{ slot: NOW }, { slot: NOW + 300 }]
    const window = aLedger({ now: NOW - spanMs(shape), permits })
    const day = aLedger({ shape: longer, now: NOW - spanMs(longer), permits })
    for (const ledgers of [{ window, day }, { window }]) {
      const record = LedgerRecord.parse(taken(packedAll(ledgers)))
      const shapes = 'day' in ledgers ? { window: shape, day: longer } : { window: shape }
      expect(read(record, { shapes, now: NOW + 500 })).toEqual(ledgers)
    }
  })

  it('without ledgers counts as full or empty, as the pool says of each', () => {
    const full = { window: fullLedger(shape, NOW), day: fullLedger(longer, NOW) }
    const empty = { window: emptyLedger(shape, NOW), day: emptyLedger(longer, NOW) }
    expect(read(taken(), {})).toEqual(full)
    expect(read(taken(), { history: 'empty', dayHistory: 'empty' })).toEqual(empty)
    expect(read(taken(), { history: 'empty' })).toEqual({ ...empty, day: full.day })
    expect(earliestStamp(read(taken(), { dayHistory: 'empty' }), NOW, aCost())).toBe(NOW + spanMs(shape))
    expect(earliestStamp(read(taken(), {}), NOW, aCost())).toBeGreaterThanOrEqual(NOW + spanMs(longer) - 500)
  })

  it('of a time without a longer limit begins its ledger with what the pool says, and keeps the window’s', () => {
    const window = aLedger({ now: NOW - spanMs(shape), permits: [{ slot: NOW }] })
    const record = taken(packedAll({ window }))
    expect(read(record, { dayHistory: 'empty' })).toEqual({ window, day: emptyLedger(longer, NOW) })
    expect(read(record, {})).toEqual({ window, day: fullLedger(longer, NOW) })
  })

  it('of a time with a longer limit is read without it where that is gone', () => {
    const window = aLedger({ now: NOW - spanMs(shape), permits: [{ slot: NOW }] })
    const record = taken(packedAll({ window, day: fullLedger(longer, NOW) }))
    expect(read(record, { shapes: { window: shape } })).toEqual({ window })
  })

  it.each(['ledger', 'day'])('is refused where its %s is no bytes', (of) => {
    const spoiled = { ...taken(), [of]: { bytes: 'AAAA', first: 0, bucketMs: 100 } }
    expect(LedgerRecord.safeParse(spoiled).success).toBe(false)
  })
})
