/** The machine's randomness: ids that sort by time (ULID, monotonic within this process). */
import { monotonicFactory } from 'ulid'
import type { Random } from '../../services/ports.ts'

export function systemRandom(): Random {
  const ulid = monotonicFactory()
  return { unit: () => Math.random(), id: (now) => ulid(now) }
}
