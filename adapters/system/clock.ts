/** The machine's clock and timers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../services/ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  async until(at, signal) {
    // A timer may fire up to a millisecond early by this clock; a slot must never be used early.
    for (let wait = at - Date.now(); wait > 0 && !signal?.aborted; wait = at - Date.now())
      await sleep(Math.ceil(wait), undefined, signal ? { signal } : {}).catch(() => undefined)
  },
}
