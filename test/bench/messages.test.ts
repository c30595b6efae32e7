import { describe, expect, it } from 'vitest'
import { gbSecondsPerCall, grouped } from '../../bench/messages.ts'

const span = (from: number, to: number) => ({ from, to })

describe('calls in messages of a size', () => {
  it('are grouped in the order of their starts, each group as long as its slowest', () => {
    const spans = [span(20, 25), span(0, 50), span(10, 12), span(30, 90)]
    expect(grouped(spans, 2)).toEqual([span(0, 50), span(20, 90)])
  })

  it('leave the last group short', () => {
    expect(grouped([span(0, 1), span(2, 3), span(4, 5)], 2)).toEqual([span(0, 3), span(4, 5)])
  })

  it('of one are invocations of their own', () => {
    const spans = [span(0, 50), span(10, 12)]
    expect(grouped(spans, 1)).toEqual(spans)
  })
})

describe("a call's share of its worker's memory", () => {
  it('is half a gigabyte for as long as its invocation lasted, divided among its calls', () => {
    expect(gbSecondsPerCall([span(0, 8_000)], 4)).toBe(1)
    expect(gbSecondsPerCall([span(0, 1_000), span(500, 3_500)], 2)).toBe(1)
  })
})
