/**
 * A holder's life: take the lease, tick while there is work, hand over when time runs out, and end in three steps
 * (lease `ending`, the writers' cache of it runs out, one strong look at the bells) so that no bell falls between.
 */
import { LEASE_MS } from '../../core/lease.ts'
import { tellBroken } from '../broken.ts'
import type { DispatcherDeps } from '../deps.ts'
import { LEASE_CACHE_MS } from '../doorbell.ts'
import { BELLS_PER_TICK, type Holder } from './holder.ts'
import { leaveIdle } from './leave.ts'
import { paint } from './picture.ts'
import { takeOver } from './take-over.ts'
import { note, type Ticked, tick } from './tick.ts'

/** Bells are looked for this often: the most a new job waits to be noticed. */
export const POLL_MS = 100
/** The schedule starts a dispatcher every minute: what is due sooner must find this one. */
const SOON_MS = 60_000
const IDLE_BEFORE_END_MS = 15_000

export type RunEnd = 'taken' | 'lost' | 'idle' | 'handed-over' | 'stopped' | 'clock-off'

export interface Running {
  readonly until: number
  readonly signal?: AbortSignal
  /** Asked before each wait; POLL_MS where it is not given. */
  readonly lookEveryMs?: () => number
}

export async function run(deps: DispatcherDeps, p: Running & { readonly pool: string }): Promise<RunEnd> {
  const h = await takeOver(deps, p.pool)
  if (!h) return 'taken'
  try {
    return await hold(deps, h, p)
  } catch (error) {
    // The next one need not wait until the lease runs out. It is not woken: what fails here may fail there at once.
    await setState(deps, h, 'free').catch(() => undefined)
    throw error
  }
}

async function hold(deps: DispatcherDeps, h: Holder, p: Running): Promise<RunEnd> {
  const { lookEveryMs = () => POLL_MS } = p
  for (;;) {
    const ticked = await tickOrAgain(deps, h, p.signal)
    if (ticked.kind === 'lost') return 'lost'
    if (ticked.kind === 'clock-off') return clockOff(deps, h)
    if (ticked.kind === 'clock-back' || ticked.kind === 'unheard') return handOver(deps, h)
    const now = deps.clock.now()
    if (p.signal?.aborted) return letGo(deps, h, 'stopped')
    if (now >= p.until) return handOver(deps, h)
    if (isIdle(h, ticked.againAt, now)) {
      // Some at a time, between ticks: whoever comes meanwhile does not wait for them.
      const left = await leaveIdle(deps, h, now)
      if (left === 'lost') return 'lost'
      if (left === 'unheard') return endUnsure(deps, h)
      if (left === 'none' && (await ended(deps, h))) return 'idle'
    }
    await deps.clock.until(Math.min(ticked.againAt, now + lookEveryMs()), p.signal)
  }
}

const TICKS_TRIED = 4
const AFTER_FAILURE_MS = 250

/**
 * A tick that fails (a table that throttles, a connection that broke) may have done any part of its work: each part can be
 * done again, and what was sent unheard of is looked after like every other.
 */
async function tickOrAgain(deps: DispatcherDeps, h: Holder, signal?: AbortSignal): Promise<Ticked> {
  for (let tried = 1; ; tried++) {
    try {
      return await tick(deps, h)
    } catch (error) {
      if (tried === TICKS_TRIED || signal?.aborted) throw error
      tellBroken(deps, 'TicksFailed', error, { pool: h.pool, step: 'tick' })
      await deps.clock.until(deps.clock.now() + AFTER_FAILURE_MS * 2 ** tried, signal)
    }
  }
}

const isIdle = (h: Holder, againAt: number, now: number): boolean =>
  h.ring.sent.size === 0 &&
  againAt - now > SOON_MS &&
  now - h.busyAt > IDLE_BEFORE_END_MS &&
  !waitsForPeople(h, againAt)

/** Who is ready waits for the end of calls in flight, at no known time; with nothing sent these are people's. */
const waitsForPeople = ({ holds }: Holder, againAt: number): boolean => holds !== undefined && againAt === Infinity

async function ended(deps: DispatcherDeps, h: Holder): Promise<boolean> {
  if (!(await setState(deps, h, 'ending'))) return true
  const quiet = await staysQuiet(deps, h, deps.clock.now() + LEASE_CACHE_MS)
  await setState(deps, h, quiet ? 'free' : 'held')
  if (quiet) await wakeIfRung(deps, h)
  return quiet
}

/** Whom somebody woke before the release found the lease still taken, and went: it is woken again. */
async function wakeIfRung(deps: DispatcherDeps, h: Holder): Promise<void> {
  if (await anyBell(deps, h)) await deps.waker.wake({ pool: h.pool })
}

/** Without work, and not sure who left: the next one begins anew, and is not woken for it, as that may fail there too. */
async function endUnsure(deps: DispatcherDeps, h: Holder): Promise<RunEnd> {
  await letGo(deps, h, 'idle')
  await wakeIfRung(deps, h)
  return 'idle'
}

/** Looks a few times on the way: who rings meanwhile waits for no end. Only the last look, after it all, counts as quiet. */
async function staysQuiet(deps: DispatcherDeps, h: Holder, until: number): Promise<boolean> {
  for (;;) {
    const now = deps.clock.now()
    if (now < until) await deps.clock.until(Math.min(until, now + POLL_MS))
    if (await anyBell(deps, h)) return false
    if (now >= until) return true
  }
}

/** Somebody rang, or stands in line for a permit. */
async function anyBell(deps: DispatcherDeps, h: Holder): Promise<boolean> {
  const [{ bells }, people] = await Promise.all([
    deps.rings.bells({ pool: h.pool, limit: BELLS_PER_TICK }),
    h.people ? deps.people.read({ pool: h.pool }) : undefined,
  ])
  return bells.length > 0 || (people?.waiting ?? 0) > 0
}

/**
 * Notes and picture, for the next holder to go on from. Without them it counts a few seconds' turns anew: owners whose
 * notes are not written have their bells standing. The pool waits for neither.
 */
async function lastWord(deps: DispatcherDeps, h: Holder): Promise<void> {
  await note(deps, h, { all: true })
  h.due.overview = 0
  await paint(deps, h, deps.clock.now())
}

async function letGo<E extends RunEnd>(deps: DispatcherDeps, h: Holder, end: E): Promise<E> {
  await lastWord(deps, h).catch((error: unknown) =>
    tellBroken(deps, 'TicksFailed', error, { pool: h.pool, step: 'hand-over' }),
  )
  await setState(deps, h, 'free')
  return end
}

/** Leaves the ledger as it was written by a sound clock, and wakes nobody: this machine would start again. */
async function clockOff(deps: DispatcherDeps, h: Holder): Promise<RunEnd> {
  h.holds = 'CLOCK_OFF'
  deps.meter.count('ClockOff', 1, { pool: h.pool })
  return letGo(deps, h, 'clock-off')
}

async function handOver(deps: DispatcherDeps, h: Holder): Promise<RunEnd> {
  await letGo(deps, h, 'handed-over')
  await deps.waker.wake({ pool: h.pool })
  return 'handed-over'
}

async function setState(deps: DispatcherDeps, h: Holder, state: 'held' | 'ending' | 'free'): Promise<boolean> {
  const { uses, ...kept } = h.record
  const changes = uses ? { uses: h.uses.changes } : {}
  const lease = { version: kept.version + 1, state, until: deps.clock.now() + LEASE_MS }
  const record = { ...kept, ...changes, ...lease }
  if ((await deps.capacity.write({ pool: h.pool, record })) === 'lost') return false
  h.record = record
  return true
}
