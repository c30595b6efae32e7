/**
 * Which of a pool's limits are in force: the stored changes over the configuration's, since when. What was superseded holds
 * still for what was permitted by a look at the bells from before, or is on its way (docs/guarantees.md, G2).
 */
import type { PoolSettings } from '../../../core/settings.ts'
import type { Written } from '../tables.ts'
import type { Witness } from './check.ts'

type Fields = Readonly<Record<string, unknown>>
export interface Version {
  readonly version: number
  readonly from: number
  readonly limits: PoolSettings
}

/** So long after a look at the bells something may be permitted, and so far ahead, in ms. */
const LOOK_MS = 5_000
const LEAD_MS = 1_000

export class InForce {
  private readonly versions = new Map<string, Version[]>()

  constructor(private readonly w: Witness) {}

  /** Tells of changes as they are stored. */
  keep(commit: readonly Written[]): void {
    for (const { table, pk, sk, after } of commit)
      if (table === 'capacity' && sk === 'settings' && after) this.all(pk).push(this.versionOf(pk, after))
  }

  /** Those by which something may be permitted that is called at this moment, the latest last. */
  at(pool: string, moment: number): readonly Version[] {
    const all = this.all(pool)
    const good = all.filter((_, i) => (all[i + 1]?.from ?? Infinity) > moment - this.graceMs(pool))
    // Older code knows of no changes.
    return this.w.scenario.oldBesideNew ? [all[0] as Version, ...good] : good
  }

  since(pool: string, version: number): readonly Version[] {
    return this.all(pool).filter((v) => v.version >= version)
  }

  private graceMs(pool: string): number {
    const { refusalMs, skewMs, networkMs } = this.file(pool).guard
    return LOOK_MS + LEAD_MS + refusalMs + skewMs + networkMs
  }

  private file(pool: string): PoolSettings {
    return this.w.scenario.settings.pools[pool] as PoolSettings
  }

  private all(pool: string): Version[] {
    const known = this.versions.get(pool) ?? [{ version: 0, from: 0, limits: this.file(pool) }]
    this.versions.set(pool, known)
    return known
  }

  private versionOf(pool: string, item: Readonly<Record<string, unknown>>): Version {
    const file = this.file(pool)
    const { day, ...fields } = item['fields'] as Fields & { day?: Fields }
    const limits = { ...file, ...fields, ...(file.day ? { day: { ...file.day, ...day } } : {}) } as PoolSettings
    return { version: item['version'] as number, from: this.w.now(), limits }
  }
}
