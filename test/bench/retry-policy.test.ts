import { expect, test } from 'vitest'
import { retryAfterMs, waitMs } from '../../bench/limit/retry-policy.ts'

const backoff = (refusals: number, random01: number) => waitMs('backoff', { refusals, random01, retryAfterMs: 123 })

test('backoff waits between a second and a bound that doubles up to a minute, whatever the provider said', () => {
  expect([1, 2, 3, 6, 7, 1_000].map((n) => backoff(n, 1))).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
  expect(backoff(5, 0)).toBe(1_000)
  expect(backoff(3, 0.5)).toBe(2_500)
})

test('the patient caller waits exactly as long as it was told, and backs off where it was told nothing', () => {
  expect(waitMs('retry-after', { refusals: 9, random01: 1, retryAfterMs: 123 })).toBe(123)
  expect(waitMs('retry-after', { refusals: 2, random01: 1, retryAfterMs: undefined })).toBe(2_000)
})

test('the exact header is preferred to whole seconds', () => {
  const told = (headers: Record<string, string>) => retryAfterMs((name) => headers[name] ?? null)
  expect(told({ 'retry-after': '2', 'retry-after-ms': '1234' })).toBe(1_234)
  expect(told({ 'retry-after': '2' })).toBe(2_000)
  expect(told({ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' })).toBeUndefined()
  expect(told({})).toBeUndefined()
})
