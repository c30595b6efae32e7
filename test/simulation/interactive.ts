/** People who call by themselves under permits: they ask, wait or go away, call in time, and say what was used, or do not. */
import { askPermit } from '../../services/permits/ask.ts'
import { getPermit, releasePermit, settlePermit } from '../../services/permits/standing.ts'
import type { PermitView } from '../../services/permits/wait.ts'
import { aCaller } from '../support/callers.ts'
import type { PersonsCall } from './checks/check.ts'
import { Stream } from './random.ts'
import { START, type World } from './world.ts'

const POOL = 'main'
const PERSONS = ['pat', 'quin', 'ray']
/** Some come alone, some ten within a second. */
const BURST = 10
const LOOKS = 3
/** Whoever knew that it was down. */
const RETURN_WITHIN_MS = 6_000

export interface HeardOfPeople {
  called(call: PersonsCall): void
  /** An answer that contradicts the documents. */
  odd(message: string): void
}

export class Interactive {
  /** Who is still at it. */
  pending = 0
  private readonly stream: Stream

  constructor(
    private readonly world: World,
    private readonly heard: HeardOfPeople,
  ) {
    this.stream = new Stream(world.scenario.seed, 'interactive')
  }

  begin(): void {
    const { settings, weather, faultyMs, restore } = this.world.scenario
    const activeMs = weather ? faultyMs : this.world.scenario.activeMs
    if (!settings.pools[POOL]?.people) return
    for (let left = this.stream.int(15, 60); left > 0; ) {
      const from = restore ? this.stream.pick([0, restore.againMs ?? 0, restore.upMs]) : 0
      const at = from + this.stream.int(0, from > 0 ? RETURN_WITHIN_MS : activeMs)
      const many = this.stream.chance(0.3) ? BURST : 1
      for (let i = 0; i < many; i++) this.at(at + this.stream.int(0, 1_000), () => this.comes())
      left -= many
    }
  }

  private at(ms: number, act: () => Promise<void>): void {
    this.pending++
    this.world.clock.at(START + ms, () => void act().finally(() => this.pending--))
  }

  private async comes(): Promise<void> {
    const { stream, world } = this
    const who = aCaller(stream.pick(PERSONS), { scopes: ['capacity:use'] })
    const ask = {
      inputTokens: stream.int(5, 30),
      maxOutputTokens: stream.int(5, 40),
      useWithinMs: stream.pick([200, 1_000, 2_000]),
      lastsMs: 10_000,
      waitS: stream.pick([0, 0, 1, 5]),
    }
    const asked = await world.request((deps) =>
      askPermit(deps, who, POOL, ask).then((a) => ({ a, now: deps.clock.now() })),
    )
    // Whoever hears nothing has a permit perhaps, and does not use it.
    if (asked.kind !== 'done') return
    const { a, now } = asked.value
    if (!a.ok) return this.refused(a.code)
    const granted = a.permit.state === 'granted' ? { permit: a.permit, now } : await this.waits(who, a.permit)
    if (granted) await this.uses(who, ask, granted)
  }

  private refused(code: string): void {
    if (!['permits-open', 'rate-reached', 'line-full', 'not-found', 'larger-than-pool'].includes(code))
      this.heard.odd(`a permit was refused: ${code}`)
  }

  /** Looks again and again; some leave the line, some just go away. */
  private async waits(who: Who, { id }: PermitView): Promise<{ permit: PermitView; now: number } | undefined> {
    const { stream, world } = this
    for (let i = 0; i < LOOKS; i++) {
      if (stream.chance(0.05)) return undefined
      if (stream.chance(0.05)) {
        await world.request((deps) => releasePermit(deps, who, { pool: POOL, id }))
        return undefined
      }
      const waitS = stream.pick([1, 5])
      const seen = await world.request((deps) =>
        getPermit(deps, who, { pool: POOL, id }, { waitS }).then((a) => ({ a, now: deps.clock.now() })),
      )
      if (seen.kind !== 'done') continue
      if (!seen.value.a.ok) return undefined
      if (seen.value.a.permit.state === 'granted') return { permit: seen.value.a.permit, now: seen.value.now }
    }
    return undefined
  }

  /** By its own clock, from when it heard: never later than it was told that it may. */
  private async uses(
    who: Who,
    ask: { inputTokens: number; maxOutputTokens: number; useWithinMs: number },
    { permit, now }: { permit: PermitView; now: number },
  ): Promise<void> {
    const { stream, world } = this
    const at = { pool: POOL, id: permit.id }
    const leftMs = Math.min((permit.useBy ?? 0) - now, ask.useWithinMs)
    if (leftMs < 0 || stream.chance(0.08)) {
      if (stream.chance(0.7)) await world.request((deps) => releasePermit(deps, who, at))
      return
    }
    await world.pause(stream.chance(0.7) ? Math.min(leftMs, 20) : stream.int(0, leftMs))
    const used = {
      inputTokens: stream.int(1, ask.inputTokens),
      outputTokens: stream.int(1, ask.maxOutputTokens),
    }
    const afterMs = stream.spread(30, 700)
    this.heard.called({ pool: POOL, id: permit.id, at: world.clock.time, asked: ask, used, afterMs })
    await world.pause(afterMs)
    if (stream.chance(0.85)) await world.request((deps) => settlePermit(deps, who, at, used))
  }
}
type Who = ReturnType<typeof aCaller>
