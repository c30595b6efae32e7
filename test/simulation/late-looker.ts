/**
 * A process that stood still between its bell and its look at the lease: it looks while a dispatcher is idle, believes for
 * two seconds that somebody listens, and submits when that one has let go.
 */
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { submit } from '../../services/submit.ts'
import { aCaller } from '../support/callers.ts'
import type { Entry } from './batches.ts'
import type { Asked } from './checks/check.ts'
import type { World } from './world.ts'

const POOL = 'main'
/** In one request, which the API's time limit ends. */
const LOOKS = 30
const EVERY_MS = 700
/** After faults have stopped. */
const AT_MOST_MS = 100_000

interface Told {
  /** What it will submit. */
  next(): Entry
  accepted(jobId: string, asked: Asked): void
  /** So many requests more, or fewer, are waited for. */
  owes(requests: number): void
}

export class LateLooker {
  private looking = false

  constructor(
    private readonly world: World,
    private readonly told: Told,
  ) {}

  /** `calm`: when faults stop. */
  async look(calm: number): Promise<void> {
    this.looking = true
    while (this.looking && this.world.clock.time < calm + AT_MOST_MS)
      await this.world.request((deps) => this.lookAndSubmit(deps))
    if (this.looking) this.looking = false
    else this.told.owes(-1)
  }

  /** A dispatcher with nothing to do has let go. */
  whileFree(pool: string): void {
    if (!this.looking || pool !== POOL) return
    this.looking = false
    this.told.owes(1)
  }

  private async lookAndSubmit(deps: FunctionDeps): Promise<void> {
    for (let i = 0; i < LOOKS && this.looking; i++) {
      if (this.world.isHeld(POOL)) await deps.doorbell.rung(POOL)
      await deps.clock.until(deps.clock.now() + EVERY_MS)
    }
    if (this.looking) return
    const { asked, request } = this.told.next()
    const answer = await submit(deps, aCaller(asked.owner), { ...request, startAt: undefined })
    if (answer.ok) this.told.accepted(answer.jobId, asked)
  }
}
