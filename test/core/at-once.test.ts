import { describe, expect, it } from 'vitest'
import { type AtOnce, answeredOne, overloaded, stillKnown } from '../../core/at-once.ts'
import { NOW } from '../support/builders.ts'

const met = (known: AtOnce | undefined, over: { inFlight?: number; slot?: number; now?: number } = {}) =>
  overloaded(known, { inFlight: 40, slot: NOW, now: NOW, ...over })
const often = (n: number, known?: AtOnce): AtOnce | undefined =>
  n === 0 ? known : often(n - 1, met(known, { slot: NOW + n, now: NOW + n }))

describe('calls in flight', () => {
  it('are not fewer for a call in a hundred that meets overload', () => {
    let known: AtOnce | undefined
    for (let i = 0; i < 2_000; i++) known = i % 100 === 0 ? met(known, { slot: NOW + i }) : known && answeredOne(known)
    expect(known?.calls).toBe(Infinity)
  })

  it('are a fifth fewer once several in a row do, once for all that were sent before', () => {
    const known = often(3)
    expect(known?.calls).toBe(32)
    expect(met(known, { slot: NOW }).calls).toBe(32)
    expect(met(known, { slot: NOW + 10, now: NOW + 10 }).calls).toBeCloseTo(25.6)
  })

  it('are one more with every ten that are answered', () => {
    let known = often(3) as AtOnce
    for (let i = 0; i < 10; i++) known = answeredOne(known)
    expect(known.calls).toBeCloseTo(33)
  })

  it('are never fewer than one', () => {
    let known = often(3)
    for (let i = 10; i < 100; i++) known = met(known, { inFlight: 1, slot: NOW + i, now: NOW + i })
    expect(known?.calls).toBe(1)
  })

  it('are all again after a minute without overload, by whatever clock', () => {
    const known = often(3)
    expect(stillKnown(known, NOW + 59_000)).toEqual(known)
    expect(stillKnown(known, NOW + 61_000)).toBeUndefined()
    expect(stillKnown(known, NOW - 3_600_000)).toBeUndefined()
  })
})
