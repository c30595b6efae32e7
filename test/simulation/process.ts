/**
 * One process of the world: a function's environment with a clock of its own, which may die, or freeze and go on later
 * as if nothing had been. A dead one hears nothing any more; what it had sent may still land.
 */
import type { Clock } from '../../services/ports.ts'
import type { WorldClock } from './clock.ts'

export type Role = 'api' | 'worker' | 'dispatcher' | 'publisher'

export class SimProcess implements Clock {
  alive = true
  readonly name: string
  /** What it was started for: an environment serves one invocation after another. */
  onDeath: () => void = () => undefined
  /** How often its clock has changed. */
  leaps = 0
  private frozenUntil = 0

  constructor(
    private readonly world: WorldClock,
    readonly id: number,
    readonly role: Role,
    /** Its clock, less the world's. */
    public offset: number,
  ) {
    this.name = `${role}${id}`
  }

  now(): number {
    return this.world.time + this.offset
  }

  setClock(offset: number): void {
    this.offset = offset
    this.leaps++
  }

  /** As the system's clock: by the monotonic one, so a leap of this clock meanwhile neither shortens nor lengthens it. */
  until(at: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done)
        resolve()
      }
      if (signal?.aborted) return resolve()
      signal?.addEventListener('abort', done)
      // What is due already gives way to others once, so that a loop without progress in time is seen.
      this.later(Math.max(0, at - this.now()), done)
    })
  }

  /** Happens to this process after so long in the world's time: not if it is dead, and not before it has thawed. */
  later(ms: number, run: () => void): void {
    this.world.after(ms, () => this.happen(run))
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.world.time + ms)
  }

  die(): void {
    if (!this.alive) return
    this.alive = false
    this.onDeath()
  }

  private happen(run: () => void): void {
    if (!this.alive) return
    if (this.frozenUntil > this.world.time) this.world.at(this.frozenUntil, () => this.happen(run))
    else run()
  }
}
