import { describe, expect, it } from 'vitest'
import { available, settledS } from '../../bench/feedback/measures.ts'

const WINDOW_MS = 1_000
/** Evenly, so many in a window. */
const calls = (from: number, to: number, inWindow: number) =>
  Array.from({ length: ((to - from) * inWindow) / WINDOW_MS }, (_, i) => from + (i * WINDOW_MS) / inWindow)

describe('what was there to use', () => {
  it('of a limit that stays is that limit in every window', () => {
    const there = available({ limits: [{ from: 0, left: 10 }], from: 5_000, to: 15_000, windowMs: WINDOW_MS })
    expect(there).toBe(100)
  })

  it('of a limit that drops is nothing until the window has drained', () => {
    const limits = [
      { from: 0, left: 10 },
      { from: 5_000, left: 5 },
    ]
    expect(available({ limits, from: 5_000, to: 6_000, windowMs: WINDOW_MS })).toBe(5)
    expect(available({ limits, from: 5_000, to: 5_400, windowMs: WINDOW_MS })).toBe(0)
  })
})

describe('a system has settled', () => {
  const phase = { from: 10_000, to: 20_000, left: 10, windowMs: WINDOW_MS }

  it('at once where it uses what is left from the change on', () => {
    expect(settledS({ ...phase, admitted: calls(8_000, 20_001, 10), refused: [] })).toBe(0)
  })

  it('when it has found to it for good', () => {
    const admitted = [...calls(8_000, 13_000, 5), ...calls(13_000, 20_001, 10)]
    expect(settledS({ ...phase, admitted, refused: [] })).toBe(4)
    expect(settledS({ ...phase, admitted, refused: [16_500] })).toBe(7)
  })

  it('never, where it does not use it in the end, or is refused', () => {
    expect(settledS({ ...phase, admitted: calls(8_000, 18_000, 10), refused: [] })).toBe(10)
    expect(settledS({ ...phase, admitted: calls(8_000, 20_001, 10), refused: calls(10_000, 20_000, 2) })).toBe(10)
  })
})
