/**
 * Which calls are outside the guard: farther from their slot than it covers, or stamped by a clock that was ahead by more
 * than it allows, of which whoever holds the lease next can know only that they may have been made by then.
 */
import type { JobMessage } from '../../../services/ports.ts'
import type { SimProcess } from '../process.ts'
import type { Arrival, Witness } from './check.ts'

type Permit = NonNullable<Arrival['permit']>
const nameOf = ({ key, fence, slot }: Permit): string => `${key.jobId} ${fence} ${slot}`

export class Outside {
  private readonly ahead = new Set<string>()

  constructor(private readonly w: Witness) {}

  sent({ pool, sentAt, jobs }: JobMessage): void {
    const skewMs = this.w.scenario.settings.pools[pool]?.guard.skewMs ?? 0
    if (sentAt > this.w.now() + skewMs / 2) for (const job of jobs) this.ahead.add(nameOf(job))
  }

  /** Whose clock is farther off than any guard of these pools allows: what it grants now counts at another moment. */
  isOff({ offset }: SimProcess): boolean {
    const { pools } = this.w.scenario.settings
    return Object.values(pools).some(({ guard }) => Math.abs(offset) > guard.skewMs / 2)
  }

  is({ at, permit, request }: Arrival): boolean {
    if (!permit || this.ahead.has(nameOf(permit))) return true
    // Half the skew to each side of a slot, then refusal and network behind it.
    const { refusalMs, skewMs, networkMs } = request.pool.guard
    const late = at - permit.slot
    return late < -skewMs / 2 || late > refusalMs + skewMs / 2 + networkMs
  }
}
