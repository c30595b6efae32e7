/** What a holder makes of slots that came late, second by second. */
import { describe, expect, it } from 'vitest'
import type { Settled } from '../../core/bell.ts'
import type { Sent } from '../../core/ring.ts'
import { type Holder, INITIAL_SLOWED_MS } from '../../services/dispatch/holder.ts'
import { countLate, countSent, followLoad, noLoad } from '../../services/dispatch/load.ts'
import { aLedger } from '../support/builders.ts'

const START = 1_893_490_207_000
const second = (n: number): number => START + n * 1_000

/** As much of a holder as is asked: slots so far apart, of a pool in bursts, and what was sent. */
class Workers {
  readonly sent = new Map<string, Sent>()
  readonly h = {
    slowedMs: 10,
    next: { requests: 0 },
    load: noLoad(),
    ring: { sent: this.sent },
    ledgers: { window: aLedger() },
    settings: { pacing: 'burst' },
  } as unknown as Holder

  /** A hundred slots of a second, or so many, of which some come late by so much. */
  meet(n: number, { slots: many = 100, late, byMs = 150 }: { slots?: number; late: number; byMs?: number }): this {
    const slots = Array.from({ length: many }, (_, i) => second(n) + i * 10)
    slots.forEach((slot, i) => {
      this.sent.set(`job-${n}-${i}`, { slot } as Sent)
    })
    countSent(this.h, slots)
    const jobs = Array.from({ length: late }, (_, i): Settled => ({ jobId: `job-${n}-${i}`, fence: 0, what: 'late' }))
    if (late > 0) countLate(this.h, { v: 1, id: 'b', t: 'settled', jobs, slackMs: -byMs })
    return this
  }
  /** All seconds before this one are over, and told of. */
  at(n: number): this {
    followLoad(this.h, second(n) + 700)
    return this
  }
  get slowedMs(): number {
    return this.h.slowedMs
  }
}

describe('the pace', () => {
  it('is not lowered by one bad second: a hiccup costs nothing', () => {
    expect(new Workers().meet(0, { late: 40 }).meet(1, { late: 4 }).at(2).slowedMs).toBeLessThanOrEqual(10)
  })

  it('is lowered by two in a row, a little below what was met', () => {
    const workers = new Workers().meet(0, { late: 40 }).meet(1, { late: 40 }).at(2)
    expect(workers.slowedMs).toBeCloseTo(1_000 / (60 / 1.2), 6)
  })

  it('is lowered at once by a second that was mostly missed, to half of what it was', () => {
    expect(new Workers().meet(0, { late: 95 }).at(1).slowedMs).toBe(20)
  })

  it('is not lowered by a share that is small, or by few', () => {
    expect(new Workers().meet(0, { late: 15 }).meet(1, { late: 15 }).at(2).slowedMs).toBeLessThanOrEqual(10)
  })

  it('lets what workers are behind be done first', () => {
    const workers = new Workers().meet(0, { late: 95, byMs: 4_000 }).at(1)
    expect(workers.h.next.requests).toBe(second(1) + 700 + 4_000)
  })

  it('is not lowered again by what was sent before', () => {
    const workers = new Workers().meet(0, { late: 95, byMs: 1_500 }).at(1)
    expect(workers.meet(1, { late: 95 }).meet(2, { late: 95 }).at(3).slowedMs).toBe(20)
  })

  it('is lowered again by what was sent since', () => {
    const workers = new Workers().meet(0, { late: 95 }).at(1)
    expect(workers.meet(2, { late: 95 }).at(3).slowedMs).toBeGreaterThanOrEqual(20)
    expect(workers.h.load.tellsFrom).toBeGreaterThan(second(3))
  })

  it('comes back to what was too much in six good seconds, hardly changes there, and goes on beyond', () => {
    const workers = new Workers().meet(0, { late: 95 }).at(1)
    const paces = Array.from({ length: 16 }, (_, i) => workers.meet(i + 3, { late: 0 }).at(i + 4).slowedMs)
    expect(paces[0]).toBeLessThan(20)
    expect(paces[5]).toBeCloseTo(10, 6)
    expect(paces[6]).toBeGreaterThan(9.9)
    expect(paces[15]).toBeLessThan(4)
  })

  it('rises by half at most, however far it stands below what was too much', () => {
    const workers = new Workers().meet(0, { late: 95 }).at(1)
    workers.h.slowedMs = 200
    expect(workers.meet(3, { late: 0 }).at(4).slowedMs).toBeCloseTo(200 / 1.5, 6)
  })

  it('rises with seconds that were hardly used as far as where a holder begins, and no further', () => {
    const workers = new Workers()
    for (let n = 0; n < 30; n++) workers.meet(n, { slots: 2, late: 0 }).at(n + 1)
    expect(workers.slowedMs).toBeLessThanOrEqual(INITIAL_SLOWED_MS)
    expect(workers.slowedMs).toBeGreaterThan(INITIAL_SLOWED_MS / 1.5)
  })

  it('does not rise with a second of which something may still be told', () => {
    const workers = new Workers().meet(0, { late: 10, byMs: 3_000 }).meet(1, { late: 0 })
    expect(workers.at(2).slowedMs).toBe(10)
    expect(workers.at(6).slowedMs).toBeLessThan(10)
  })
})
