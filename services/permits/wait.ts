/** A permit as its person sees it, at once or as soon as it is granted. */
import { isGranted, lineOf, type PeopleRecord, type PersonsPermit, useBy } from '../../core/people.ts'
import type { Clock, PeopleStore } from '../ports.ts'
import { type Answer, refuse } from '../refusal.ts'

export interface PermitView {
  readonly id: string
  readonly pool: string
  readonly state: 'waiting' | 'granted' | 'closed'
  readonly reserved: Readonly<Record<string, number>>
  /** Epoch ms: the call begins before then, or not at all. */
  readonly useBy?: number
  /** How many are served before it. */
  readonly ahead?: number
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
  p: { pool: string; id: string; until: number; gone?: AbortSignal | undefined },
): Promise<Answer<{ permit: PermitView }>> {
  for (;;) {
    const record = await deps.people.read({ pool: p.pool })
    const permit = record?.permits[p.id]
    if (!record || !permit) return noSuchPermit(p.id)
    const now = deps.clock.now()
    if (isGranted(permit) || now >= p.until || p.gone?.aborted) return { ok: true, permit: viewOf(record, p, permit) }
    await deps.clock.until(Math.min(p.until, now + lookAgainMs(permit, now)), p.gone)
  }
}

export function viewOf(
  record: PeopleRecord,
  { pool, id }: { pool: string; id: string },
  permit: PersonsPermit,
): PermitView {
  const limited = Object.entries(permit.cost).filter(([, n]) => n > 0)
  const view = { id, pool, reserved: Object.fromEntries(limited) }
  if (!isGranted(permit))
    return { ...view, state: 'waiting', ahead: lineOf(record, permit.askedAt).findIndex(([one]) => one === id) }
  return { ...view, state: permit.closed ? 'closed' : 'granted', useBy: useBy(permit) }
}

/** One that has ended, another person's, and none at all: ids tell nothing. */
export const noSuchPermit = (id: string) =>
  refuse('not-found', `There is no permit ${id}.`, 'It has ended, or was never yours: ask for another.')
