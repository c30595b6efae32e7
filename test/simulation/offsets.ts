/** How far functions' clocks are off, as the scenario has them; and clocks that leap, some by an hour. */
import type { SimProcess } from './process.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'

/** How far off a clock is that the guard does not cover. */
const FAR_OFF_MS = 15_000
/** A dispatcher's may be so far ahead: what it leaves in the tables must hold nobody up for so long. */
const HOUR_MS = 3_600_000
/** Half of the clocks that leap an hour are set right a moment later. */
const SET_RIGHT = { chance: 0.5, leastMs: 2, mostMs: 300 } as const

interface World {
  readonly mix: { readonly active: boolean }
  after(ms: number, then: () => void): void
}

export class Offsets {
  private readonly right: Stream

  constructor(
    private readonly world: World,
    private readonly stream: Stream,
    private readonly scenario: Scenario,
  ) {
    this.right = new Stream(scenario.seed, 'set right')
  }

  /** Half the skew to each side: what counts is how far two clocks lie apart. */
  next(): number {
    const { clocks, settings } = this.scenario
    if (clocks === 'exact') return 0
    const skewMs = Math.min(...Object.values(settings.pools).map((p) => p.guard.skewMs))
    if (clocks === 'beyond' && this.world.mix.active && this.stream.chance(0.2))
      return this.stream.int(-FAR_OFF_MS, FAR_OFF_MS)
    return this.stream.int(-Math.floor(skewMs / 2), Math.floor(skewMs / 2))
  }

  leap(process: SimProcess): void {
    if (!this.leapsAnHour(process)) return process.setClock(this.next())
    const { offset } = process
    process.setClock(HOUR_MS)
    if (!this.right.chance(SET_RIGHT.chance)) return
    this.world.after(this.right.spread(SET_RIGHT.leastMs, SET_RIGHT.mostMs), () => {
      // Once faults have stopped it is right already.
      if (this.world.mix.active) process.setClock(offset)
    })
  }

  private leapsAnHour({ role }: SimProcess): boolean {
    const { about, clocks } = this.scenario
    const often = about === 'leaping' ? 0.5 : 0.2
    return role === 'dispatcher' && clocks === 'beyond' && this.world.mix.active && this.stream.chance(often)
  }
}
