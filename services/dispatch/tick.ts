/**
 * One pass of the dispatcher: absorb bells, look after what is overdue, plan, write the ledger, then send.
 * The order makes it safe to die anywhere: owners are noted before the tick's write, bells are deleted only after it,
 * and a slot is burnt rather than used twice.
 */
import { behindOf } from '../../core/behind.ts'
import type { Bell } from '../../core/bell.ts'
import { LEASE_MS } from '../../core/lease.ts'
import { lastSlot } from '../../core/ledger.ts'
import { type LedgerRecord, packedAll, packedPeoples, type UseChange } from '../../core/ledger-record.ts'
import { type Plan, plan } from '../../core/plan.ts'
import { dropGuests, needsRefill } from '../../core/ring.ts'
import { turnsOf } from '../../core/turns.ts'
import type { DispatcherDeps } from '../deps.ts'
import { inBatches } from '../in-batches.ts'
import { absorb } from './absorb.ts'
import { adoptChanges } from './adopt.ts'
import { followLimits, forgetOverload, keptFeedback } from './feedback.ts'
import { BELLS_PER_TICK, type Holder, NOTE_EVERY_MS, RENEW_MS, untilDownProbeMs, untilProbeMs } from './holder.ts'
import { keptLearned } from './learned.ts'
import { type Left, leaveWhenDue } from './leave.ts'
import { followLoad } from './load.ts'
import { offerElsewhere } from './offer.ts'
import { hearPeople, noteGrants, readPeople } from './people-heard.ts'
import { besidePeople, servePeople, wantedAt } from './people-served.ts'
import { paint } from './picture.ts'
import { apply, send } from './send.ts'
import { clockOf, timeSeen } from './sound-clock.ts'
import { keepStop } from './stop-record.ts'
import { readLane } from './take-over.ts'
import { changesWith, isFull, keepRecords, readRecords, takeUses, useIn } from './uses.ts'
import { watch } from './watch.ts'

export type Ticked =
  | { kind: 'lost' }
  | { kind: 'clock-off' }
  | { kind: 'clock-back' }
  | { kind: 'unheard' }
  | { kind: 'ticked'; againAt: number }

const REFILLS_AT_ONCE = 8
/** Nothing is permitted by an older look at the bells: one of a change may have come since (docs/guarantees.md, G2). */
export const LOOK_GOOD_MS = 5_000

export async function tick(deps: DispatcherDeps, h: Holder): Promise<Ticked> {
  const looked = deps.clock.now()
  const [rung, people] = await Promise.all([
    deps.rings.bells({ pool: h.pool, limit: BELLS_PER_TICK }),
    readPeople(deps, h),
  ])
  const clock = clockOf(deps, h, deps.clock.now())
  if (clock !== 'sound') return { kind: clock }
  await takeIn(deps, h, rung, people)

  const now = timeSeen(deps, h)
  if (now - looked > LOOK_GOOD_MS) return { kind: 'ticked', againAt: now }
  const decided = decide(deps, h, people, now)
  const sentBack = await carryOut(deps, h, decided, rung.bells, now)
  if (sentBack === 'lost') return { kind: 'lost' }
  const served = await servePeople(deps, h, decided, now)
  if (served === 'lost') return { kind: 'lost' }
  const left = await tidyUp(deps, h, now)
  if (left === 'lost' || left === 'unheard') return { kind: left }
  const { length } = rung.bells
  if (length > 0 || decided.permits.length > 0) h.busyAt = now
  const again = length === BELLS_PER_TICK || sentBack > 0 || served === 'more'
  return { kind: 'ticked', againAt: again ? now : Math.min(decided.againAt, wantedAt(h, now)) }
}

type Rung = Awaited<ReturnType<DispatcherDeps['rings']['bells']>>
type People = Awaited<ReturnType<typeof readPeople>>

/** What was rung and what people did, into memory; then what memory asks the tables for. */
async function takeIn(deps: DispatcherDeps, h: Holder, { bells, unreadable }: Rung, people: People): Promise<void> {
  // A bell that does not parse stays where it is: newer code may know it, and an alarm says that it is there.
  h.unreadable = unreadable.length
  noteGrants(h, people, deps.clock.now())
  forgetOverload(h, deps.clock.now())
  absorb(h, bells, deps.clock.now())
  await adoptChanges(deps, h)
  await lookAfter(deps, h)
  await note(deps, h, { all: false })
}

/** Follows what time alone has changed, and plans. */
function decide(deps: DispatcherDeps, h: Holder, people: People, now: number): Plan {
  dropGuests(h.ring, now)
  followLimits(h, now)
  followLoad(h, now)
  hearPeople(deps, h, people, now)
  return plan(snapshotOf(h, now), now)
}

/** The ledger is written first; with nothing to write the plan is memory's alone. Answers how many jobs stand in their lanes again. */
async function carryOut(
  deps: DispatcherDeps,
  h: Holder,
  decided: Plan,
  bells: readonly Bell[],
  now: number,
): Promise<number | 'lost'> {
  const { permits } = decided
  // What is assumed of a past that nobody kept stands from the first tick on, or who waits would wait anew for each holder.
  const due = h.record.until - now < LEASE_MS - RENEW_MS || (!h.record.ledger && h.ring.busy.size > 0)
  const writes = permits.length > 0 || bells.length > 0 || due || h.people?.unwritten
  if (writes && !(await write(deps, h, decided, now))) return 'lost'
  apply(h, decided, now)
  if (!writes) return 0
  if (h.stopped && permits.length > 0) h.stopped.probeAt = now + nextProbeMs(deps, h.stopped)
  const [sentBack] = await Promise.all([send(deps, h, permits, now), forget(deps, h, bells)])
  return sentBack
}

/** What no job in its lane waits for. */
async function tidyUp(deps: DispatcherDeps, h: Holder, now: number): Promise<Left> {
  await offerElsewhere(deps, h, now)
  // The picture is for looking at: that it cannot be written stops no job.
  await paint(deps, h, deps.clock.now()).catch(() => deps.meter.count('OverviewsUnwritten', 1, { pool: h.pool }))
  return leaveWhenDue(deps, h, now)
}

const nextProbeMs = ({ random }: DispatcherDeps, stopped: NonNullable<Holder['stopped']>): number =>
  stopped.down ? untilDownProbeMs(++stopped.probes, random.unit()) : untilProbeMs(++stopped.probes)

const snapshotOf = (h: Holder, now: number) => ({
  ring: h.ring,
  ledgers: h.ledgers,
  costOf: h.costing.costOf,
  useOf: (owner: string) => useIn(h, owner, now),
  atOnceOf: (owner: string) => h.uses.capsOf(owner)?.concurrency ?? Infinity,
  windowMs: h.settings.windowMs,
  pacing: h.settings.pacing,
  next: h.next,
  travelMs: h.travelMs,
  slowedMs: h.slowedMs,
  quietUntil: h.quietUntil,
  ...besidePeople(h, now),
  ...(h.stopped ? { stopped: h.stopped } : {}),
})

/** Overdue jobs, lanes that run short, and the record of a stop. */
async function lookAfter(deps: DispatcherDeps, h: Holder): Promise<void> {
  const now = timeSeen(deps, h)
  await watch(deps, h, now)
  const short = [...h.ring.busy].flatMap((id) => h.ring.lanes.get(id) ?? []).filter(needsRefill)
  await inBatches(short, REFILLS_AT_ONCE, (lane) => readLane(deps, h.ring, lane))
  await keepStop(deps, h, now)
}

/** New owners into the ring at once; what is known of all that were served every few seconds. */
export async function note(deps: DispatcherDeps, h: Holder, p: { all: boolean }): Promise<void> {
  const now = timeSeen(deps, h)
  await Promise.all([enter(deps, h), readRecords(deps, h, h.ring.unnoted)])
  h.ring.unnoted.clear()
  if (!p.all && now < h.due.note && !isFull(h)) return
  h.due.note = now + NOTE_EVERY_MS
  await keepRecords(deps, h)
}

async function enter(deps: DispatcherDeps, { pool, ring }: Holder): Promise<void> {
  const owners = [...ring.unnoted].map((owner) => turnsOf(ring, owner))
  if (owners.length > 0) await deps.rings.note({ pool, owners })
}

async function write(deps: DispatcherDeps, h: Holder, decided: Plan, now: number): Promise<boolean> {
  const uses = changesWith(h, decided.permits)
  const record = recordOf(h, decided, { uses, now })
  if ((await deps.capacity.write({ pool: h.pool, record })) === 'lost') return false
  h.record = record
  takeUses(h, decided, uses)
  if (h.people) h.people.unwritten = false
  return true
}

/**
 * Whole, so that a longer ledger that is no longer kept does not come back with its setting and know nothing of what was
 * called meanwhile. What is nothing is not written: a minute of 300 calls and all that stands beside it are one write unit.
 */
function recordOf(h: Holder, decided: Plan, p: { uses: readonly UseChange[]; now: number }): LedgerRecord {
  const { v, epoch, version, holder, lastSlot: last, uses: before } = h.record
  const { requests: next = 0, ...nextOf } = decided.next
  const behind = behindOf(h.ring, decided.turns)
  return {
    ...{ v, epoch, version: version + 1, holder, state: 'held', until: p.now + LEASE_MS },
    next,
    lastSlot: Math.max(last, lastSlot(decided.ledgers.window)),
    travelMs: h.travelMs,
    order: h.ring.order,
    clock: decided.turns.v,
    tiers: h.ring.order === 'owners' ? {} : Object.fromEntries([...h.ring.groups, ...decided.turns.groups]),
    ...(behind.length > 0 ? { behind } : {}),
    ...packedAll(decided.ledgers),
    ...(h.people ? packedPeoples(h.people.ledgers) : {}),
    ...(Object.keys(nextOf).length > 0 ? { nextOf } : {}),
    ...(h.quietUntil > 0 ? { quietUntil: h.quietUntil } : {}),
    ...keptFeedback(h, p.now),
    ...keptLearned(h),
    ...(p.uses.length > 0 || before ? { uses: p.uses } : {}),
  }
}

async function forget(deps: DispatcherDeps, h: Holder, bells: readonly Bell[]): Promise<void> {
  if (bells.length === 0) return
  const ids = bells.map((b) => b.id)
  await deps.rings.deleteBells({ pool: h.pool, ids })
  for (const id of ids) h.absorbed.delete(id)
}
