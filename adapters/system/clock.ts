/** The machine's clock and timers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../services/ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  /**
   * Measured by the monotonic clock: were the wall clock set back meanwhile, a wait of a tenth of a second would else last
   * as long as that step. A timer may fire up to a millisecond early; a slot must never be used early.
   */
  async until(at, signal) {
    const wake = performance.now() + (at - Date.now())
    for (let wait = wake - performance.now(); wait > 0 && !signal?.aborted; wait = wake - performance.now())
      await sleep(Math.ceil(wait), undefined, signal ? { signal } : {}).catch(() => undefined)
  },
}
