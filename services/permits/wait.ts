/** A permit as its person sees it, at once or as soon as it is granted. */
import { type Cost, sameCost } from '../../core/cost.ts'
import {
  isGranted,
  type PeopleRecord,
  type PersonsPermit,
  type Share,
  servedWithinMs,
  useBy,
} from '../../core/people.ts'
import { lineOf } from '../../core/people-line.ts'
import type { Clock, PeopleStore } from '../ports.ts'
import { type Answer, refuse } from '../refusal.ts'

export interface PermitView {
  readonly id: string
  readonly pool: string
  readonly state: 'waiting' | 'granted' | 'closed'
  readonly reserved: Readonly<Record<string, number>>
  /** Epoch ms: the call begins before then, or not at all. */
  readonly useBy?: number
  /** How many are served before it, as far as is known here. */
  readonly ahead?: number
  /** Its turn comes by then, though agents leave people no more than their share and it was all used just now. */
  readonly expectedWithinMs?: number
}

/** Whoever waits is granted within some hundred ms, mostly. */
const LOOK_EVERY_MS = 40
/** Who has waited for long looks less often, for so much of the wait: every look is a read of the table. */
const LATER_BY = 0.1
/** And several times while what it is granted stands. */
const LOOKS_WHILE_IT_STANDS = 4

const lookAgainMs = ({ askedAt, useMs }: PersonsPermit, now: number): number =>
  Math.max(LOOK_EVERY_MS, Math.min((now - askedAt) * LATER_BY, useMs / LOOKS_WHILE_IT_STANDS))

export async function untilGranted(
  deps: { readonly people: Pick<PeopleStore, 'read'>; readonly clock: Clock },
  p: {
    pool: string
    id: string
    until: number
    share: Share | undefined
    asked?: Cost
    gone?: AbortSignal | undefined
  },
): Promise<Answer<{ permit: PermitView }>> {
  for (;;) {
    const record = await deps.people.read({ pool: p.pool })
    const permit = record?.permits[p.id]
    if (!record || !permit) return noSuchPermit(p.id)
    if (p.asked && !sameCost(p.asked, permit.cost as Cost)) return keyReused()
    const now = deps.clock.now()
    if (isGranted(permit) || now >= p.until || p.gone?.aborted)
      return { ok: true, permit: viewOf(record, { ...p, now }, permit) }
    await deps.clock.until(Math.min(p.until, now + lookAgainMs(permit, now)), p.gone)
  }
}

function viewOf(
  record: PeopleRecord,
  { pool, id, share, now }: { pool: string; id: string; share: Share | undefined; now: number },
  permit: PersonsPermit,
): PermitView {
  const limited = Object.entries(permit.cost).filter(([, n]) => n > 0)
  const view = { id, pool, reserved: Object.fromEntries(limited) }
  if (!isGranted(permit)) {
    const line = lineOf(record, now)
    const ahead = Math.max(
      0,
      line.findIndex(([one]) => one === id),
    )
    const upTo = [...line.slice(0, ahead).map(([, one]) => one), permit]
    return { ...view, state: 'waiting', ahead, ...(share ? { expectedWithinMs: servedWithinMs(upTo, share) } : {}) }
  }
  return { ...view, state: permit.closed ? 'closed' : 'granted', useBy: useBy(permit) }
}

const keyReused = () =>
  refuse('key-reused', 'The Idempotency-Key was used for a permit of another size.', 'Use a new key for another call.')

/** One that has ended, another person's, and none at all: ids tell nothing. */
export const noSuchPermit = (id: string) =>
  refuse('not-found', `There is no permit ${id}.`, 'It has ended, or was never yours: ask for another.')
