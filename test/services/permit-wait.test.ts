import { describe, expect, it } from 'vitest'
import { untilGranted } from '../../services/permits/wait.ts'
import { NOW } from '../support/builders.ts'
import { aPersonsPermit, somePeople } from '../support/records.ts'

/** When the table is read for one who waits for `forMs`, in ms since it asked. */
async function looks(forMs: number, useMs: number): Promise<number[]> {
  const [read, permits] = [[] as number[], { one: aPersonsPermit({ askedAt: NOW, useMs }) }]
  let now = NOW
  await untilGranted(
    {
      people: {
        read: async () => {
          read.push(now - NOW)
          return somePeople({ permits })
        },
      },
      clock: {
        now: () => now,
        until: async (at) => {
          now = at
        },
      },
    },
    { pool: 'main', id: 'one', until: NOW + forMs, share: { limits: {}, windowMs: 60_000 } },
  )
  return read
}
const gaps = (at: readonly number[]) => at.slice(1).map((ms, i) => ms - (at[i] as number))

describe('who waits for a permit', () => {
  it('is looked up often at first, and later each time after a tenth of its wait', async () => {
    expect(gaps(await looks(400, 60_000)).slice(0, 5)).toEqual([40, 40, 40, 40, 40])
    const long = await looks(25_000, 60_000)
    expect(long.length).toBeLessThan(60)
    for (const [i, gap] of gaps(long).entries())
      expect(gap).toBeLessThanOrEqual(Math.max(40, (long[i] as number) * 0.1 + 0.01))
  })

  it('is looked up several times while what it is granted could be used', async () => {
    expect(Math.max(...gaps(await looks(25_000, 1_000)))).toBe(250)
    expect(Math.max(...gaps(await looks(25_000, 100)))).toBe(40)
  })
})
