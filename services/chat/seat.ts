/**
 * A person's call and its permit: asked for when all else is ready, so that it is used at once; given back where nothing
 * left; settled by what was used, else by what was reserved.
 */
import type { Usage } from '../../core/job.ts'
import type { Caller } from '../caller.ts'
import type { Deps } from '../deps.ts'
import { askPermit, type PermitRequest } from '../permits/ask.ts'
import { releasePermit, settlePermit } from '../permits/standing.ts'
import type { PermitView } from '../permits/wait.ts'
import type { CallSlot } from '../ports.ts'
import { type Refusal, refuse } from '../refusal.ts'

interface For {
  readonly deps: Deps
  readonly caller: Caller
  readonly pool: string
  readonly ask: PermitRequest
}

export class Seat implements CallSlot {
  permit: PermitView | undefined
  /** When that was granted, epoch ms. */
  seatedAt = 0
  /** Why there is none. */
  refusal: Refusal | undefined
  private broke: { error: unknown } | undefined
  private closed = false

  constructor(private readonly p: For) {}

  nears = async (): Promise<boolean> => {
    try {
      return await this.ask()
    } catch (error) {
      this.broke = { error }
      return false
    }
  }

  begin = async (): Promise<boolean> => this.p.deps.clock.now() <= (this.permit?.useBy ?? 0)

  /** What went wrong here and not at the provider is an error of ours. */
  throwIfBroken(): void {
    if (this.broke) throw this.broke.error
  }

  /** Nothing left by it. */
  async release(): Promise<void> {
    await this.close((at) => releasePermit(this.p.deps, this.p.caller, at))
  }

  /** Once. What its pool could not have is not believed: then it has cost what was reserved. */
  async settle(usage: Usage): Promise<void> {
    const { deps, caller } = this.p
    await this.close(async (at) => {
      const done = await settlePermit(deps, caller, at, usage)
      if (!done.ok && done.code === 'absurd-usage') await settlePermit(deps, caller, at, {})
    })
  }

  private async ask(): Promise<boolean> {
    const { deps, caller, pool, ask } = this.p
    const cameAt = deps.clock.now()
    const asked = await askPermit(deps, caller, pool, ask)
    if (!asked.ok) {
      this.refusal = asked
      return false
    }
    this.permit = asked.permit
    this.seatedAt = deps.clock.now()
    if (asked.permit.state === 'granted' && !ask.gone?.aborted) return true
    this.refusal = waitedInVain(pool, ask)
    // It leaves the line by itself: whoever holds the pool never sees how long it stood there.
    if (!ask.gone?.aborted) deps.meter.count('PeopleWaitedMs', this.seatedAt - cameAt, { pool })
    await this.release()
    return false
  }

  /** A permit that could not be closed ends by itself, as it was reserved: whoever has an answer gets it all the same. */
  private async close(by: (at: { pool: string; id: string }) => Promise<unknown>): Promise<void> {
    const { permit } = this
    if (!permit || this.closed) return
    this.closed = true
    try {
      await by({ pool: this.p.pool, id: permit.id })
    } catch {
      this.p.deps.meter.count('PermitsNotClosed', 1, { pool: this.p.pool })
    }
  }
}

const waitedInVain = (pool: string, { waitS = 0 }: PermitRequest): Refusal =>
  refuse(
    'no-permit-free',
    `No permit of ${pool} came free within ${waitS} s.`,
    'Ask again, or let it wait longer: x-fairlead-wait-s.',
    { retryAfterS: 1 },
  )
