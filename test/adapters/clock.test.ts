import { afterEach, expect, it, vi } from 'vitest'
import { systemClock } from '../../adapters/system/clock.ts'

afterEach(() => void vi.restoreAllMocks())

it('a wait does not last as long as the wall clock is set back', async () => {
  const began = Date.now()
  const setBack = vi
    .spyOn(Date, 'now')
    .mockReturnValueOnce(began)
    .mockReturnValue(began - 3_600_000)
  await systemClock.until(began + 20)
  expect(setBack).toHaveBeenCalled()
})

it('a wait for what has passed is over at once', async () => {
  await systemClock.until(Date.now() - 1_000)
})
