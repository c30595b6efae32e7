/**
 * What the pool's owners have used, kept without a write of its own: it stands in the record that holds an owner's turns,
 * written every few seconds. What a capped owner has used since stands in the ledger's record, written with the permit that it
 * is of. Who has no caps may lose those seconds when a dispatcher dies.
 */
import { asOf, capsOf, charged, type UseLedgers, useShapes } from '../../core/caps.ts'
import { type Cost, DIMENSIONS } from '../../core/cost.ts'
import type { UseChange } from '../../core/ledger-record.ts'
import { type OwnerRecord, ownerRecord, useOf } from '../../core/owner-record.ts'
import type { Permit, Plan } from '../../core/plan.ts'
import { uncap } from '../../core/ring.ts'
import type { Caps } from '../../core/settings.ts'
import { turnsOf } from '../../core/turns.ts'
import type { DispatcherDeps } from '../deps.ts'
import type { Holder } from './holder.ts'

export interface Uses {
  readonly of: Map<string, UseLedgers>
  /** Owners whose record is behind. */
  readonly stale: Set<string>
  /** What records of capped owners do not hold yet. */
  changes: readonly UseChange[]
  /** Changes made by this holder. */
  n: number
  readonly capsOf: (owner: string) => Caps | undefined
}

/** Some 30 bytes each, in a record that is written at every tick. */
const CHANGES_KEPT = 100
const CHANGES_AT_MOST = 1_000

export const newUses = (deps: DispatcherDeps, pool: string, changes: readonly UseChange[] = []): Uses => ({
  of: new Map(),
  stale: new Set(changes.map(([, , owner]) => owner)),
  changes,
  n: 0,
  capsOf: (owner) => capsOf(deps.settings, pool, owner),
})

type Known = Pick<Holder, 'pool' | 'settings' | 'uses'>

/** Of owners that are new to the ring: they may have left it an hour ago. Answers what was kept of them. */
export async function readRecords(
  deps: DispatcherDeps,
  h: Known,
  owners: Iterable<string>,
): Promise<ReadonlyMap<string, OwnerRecord>> {
  const { uses, pool } = h
  const asked = [...new Set(owners)].filter((owner) => !uses.of.has(owner))
  if (asked.length === 0) return new Map()
  const found = await deps.rings.records({ pool, owners: asked })
  const records = new Map(found.flatMap((record) => (record ? [[record.owner, record] as const] : [])))
  const now = deps.clock.now()
  for (const owner of asked) {
    const shapes = useShapes(h.settings, uses.capsOf(owner))
    uses.of.set(owner, useOf(records.get(owner), { owner, shapes, since: uses.changes, now }))
  }
  return records
}

export function useIn({ uses, settings }: Holder, owner: string, now: number): UseLedgers {
  const shapes = useShapes(settings, uses.capsOf(owner))
  return asOf(uses.of.get(owner) ?? useOf(undefined, { owner, shapes, since: uses.changes, now }), now)
}

/** The changes that a plan makes, and those that stand in the record before it. */
export function changesWith({ uses, record: { epoch } }: Holder, permits: readonly Permit[]): readonly UseChange[] {
  const capped = permits.filter(({ lane }) => uses.capsOf(lane.owner))
  return [...uses.changes, ...capped.map((p, i) => change({ epoch, n: uses.n + 1 + i }, p.lane.owner, p.slot, p.cost))]
}

const change = (
  { epoch, n }: { epoch: number; n: number },
  owner: string,
  slot: number,
  { requests, tokens }: Cost,
): UseChange => [epoch, n, owner, slot, requests, tokens]

/** Once the record with its changes is written. */
export function takeUses({ uses }: Holder, decided: Plan, changes: readonly UseChange[]): void {
  uses.n += changes.length - uses.changes.length
  uses.changes = changes
  for (const [owner, use] of decided.uses) {
    uses.of.set(owner, use)
    uses.stale.add(owner)
  }
}

/** A call cost otherwise than was reserved for it, or was not made. */
export function amendUse(h: Holder, p: { owner: string; slot: number; by: Cost }): void {
  const { uses, record, ring } = h
  const known = uses.of.get(p.owner)
  if (!known) return
  uses.of.set(p.owner, charged(known, p.slot, p.by))
  uses.stale.add(p.owner)
  if (uses.capsOf(p.owner))
    uses.changes = [...uses.changes, change({ epoch: record.epoch, n: ++uses.n }, p.owner, p.slot, p.by)]
  if (DIMENSIONS.some((d) => p.by[d] < 0)) uncap(ring, p.owner)
}

/** Changes wait for their owners' records that should wait no longer. */
export const isFull = ({ uses }: Holder): boolean => uses.changes.length >= CHANGES_KEPT

/** Brings the records of all whose turns or use have changed up to date. */
export async function keepRecords(deps: DispatcherDeps, h: Holder): Promise<void> {
  const { uses, pool, ring } = h
  const behind = [...new Set([...uses.stale, ...ring.stale])].filter((owner) => uses.of.has(owner))
  if (behind.length === 0) return
  const [at, n] = [deps.clock.now(), ++uses.n]
  try {
    await deps.rings.keep({ pool, records: behind.map((owner) => recordOf(h, owner, { at, n })) })
  } catch (error) {
    // What they do not hold stands in the ledger's record: only that it grows without end is worth a tick.
    if (uses.changes.length > CHANGES_AT_MOST) throw error
    return deps.meter.count('OwnerRecordsUnwritten', behind.length, { pool })
  }
  for (const owner of behind) {
    uses.stale.delete(owner)
    ring.stale.delete(owner)
  }
  // Whoever was changed was behind.
  uses.changes = []
}

function recordOf({ uses, ring, record }: Holder, owner: string, p: { at: number; n: number }): OwnerRecord {
  const { owner: _, ...turns } = turnsOf(ring, owner)
  const use = uses.of.get(owner) as UseLedgers
  return ownerRecord({ ...p, owner, epoch: record.epoch, turns: { ...turns, order: ring.order }, use })
}

/** Whether its record says what it has used. */
export const isNoted = ({ uses }: Holder, owner: string): boolean => !uses.stale.has(owner)

export const forgetUse = ({ uses }: Holder, owner: string): void => void uses.of.delete(owner)
