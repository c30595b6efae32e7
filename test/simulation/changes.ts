/** Somebody who changes settings while a schedule runs, and takes all changes away once faults have stopped. */
import type { PoolPatch } from '../../core/overrides.ts'
import type { PoolSettings, Settings } from '../../core/settings.ts'
import { changePool } from '../../services/change-pool.ts'
import { pool } from '../../services/pools.ts'
import { ADMIN } from '../support/callers.ts'
import type { Stream } from './random.ts'
import type { World } from './world.ts'

export interface Change {
  readonly afterMs: number
  readonly pool: string
  readonly patch: PoolPatch
}

/** What is changed when: nothing in most schedules. */
export function changesOf(s: Stream, settings: Settings, overMs: number): readonly Change[] {
  const pools = Object.entries(settings.pools)
  const changes = Array.from({ length: s.int(2, 7) }, () => {
    const [id, file] = s.pick(pools)
    return { afterMs: s.int(0, overMs), pool: id, patch: patchOf(s, file) }
  })
  return changes.sort((a, b) => a.afterMs - b.afterMs)
}

/** Most change a limit: to less than half of it, or to twice as much, or back. */
function patchOf(s: Stream, file: PoolSettings): PoolPatch {
  const scaled = (limit: number): number | null =>
    s.chance(0.15) ? null : Math.max(2, Math.round((limit * s.spread(35, 200)) / 100))
  return {
    ...(file.requests !== undefined && s.chance(0.8) ? { requests: scaled(file.requests) } : {}),
    ...(file.tokens !== undefined && s.chance(0.6) ? { tokens: scaled(file.tokens) } : {}),
    ...(file.inputTokens !== undefined && s.chance(0.5) ? { inputTokens: scaled(file.inputTokens) } : {}),
    ...(file.outputTokens !== undefined && s.chance(0.5) ? { outputTokens: scaled(file.outputTokens) } : {}),
    ...(file.day?.requests !== undefined && s.chance(0.5) ? { day: { requests: scaled(file.day.requests) } } : {}),
    ...(s.chance(0.2) ? { concurrency: s.pick([null, s.int(2, 10)]) } : {}),
    ...(s.chance(0.2) ? { pacing: s.pick([null, 'even', 'burst'] as const) } : {}),
    ...(s.chance(0.2) ? { order: s.pick([null, 'weighted', 'strict', 'owners'] as const) } : {}),
    ...(s.chance(0.2) ? { tiers: { low: s.int(1, 100) } } : {}),
    ...(file.people && s.chance(0.4) ? { people: { max: s.pick([null, 0.2, 0.6]) } } : {}),
  }
}

/** More than any change allows: what the provider itself would take. */
export function mostRequests(pool: string, file: number, changes: readonly Change[]): number {
  const ofPool = changes.flatMap((c) => (c.pool === pool ? (c.patch.requests ?? []) : []))
  return Math.max(file, ...ofPool)
}

const TRIES = 6
const NOTHING_CHANGED: PoolPatch = {
  requests: null,
  tokens: null,
  inputTokens: null,
  outputTokens: null,
  day: null,
  concurrency: null,
  pacing: null,
  order: null,
  tiers: null,
  people: null,
}

export class Changer {
  /** Changes that are still to be answered. */
  pending = 0

  constructor(private readonly world: World) {}

  begin(): void {
    const { changes } = this.world.scenario
    this.pending = changes.length
    for (const { afterMs, ...change } of changes)
      this.world.after(afterMs, async () => {
        await this.change(change)
        this.pending--
      })
  }

  /** Faults have stopped: once all are answered they are taken away. */
  async mend(): Promise<void> {
    const pools = new Set(this.world.scenario.changes.map((change) => change.pool))
    if (pools.size === 0) return
    this.pending++
    while (this.pending > 1) await this.world.pause(200)
    for (const id of pools) await this.change({ pool: id, patch: NOTHING_CHANGED })
    this.pending--
  }

  /** What was not heard is tried again, over what stands by then; what was refused for good is not. */
  private async change({ pool: id, patch }: Omit<Change, 'afterMs'>): Promise<void> {
    for (let tried = 0; tried < TRIES; tried++) {
      const ended = await this.world.request(async (deps) => {
        const seen = await pool(deps, ADMIN, id)
        return seen.ok ? changePool(deps, ADMIN, id, { patch, ifMatch: seen.etag }) : seen
      })
      if (ended.kind === 'done' && (ended.value.ok || ended.value.code !== 'settings-changed')) return
      await this.world.pause(200)
    }
  }
}
