/** The record of a pool's stop, which tells people and other pools of it: written as memory goes, and read where it may know more. */
import type { DispatcherDeps } from '../deps.ts'
import type { StopRecord } from '../ports.ts'
import { goesOn } from './feedback.ts'
import { type Holder, PROBE_FIRST_MS, STOP_EVERY_MS } from './holder.ts'

type Stopped = NonNullable<Holder['stopped']>

/** At each look of the holder's. */
export async function keepStop(deps: DispatcherDeps, h: Holder, now: number): Promise<void> {
  if (h.mended) await deps.capacity.resume({ pool: h.pool })
  h.mended = false
  if (h.stopped?.unwritten) {
    const { line } = h.stopped
    await deps.capacity.stop({ pool: h.pool, stop: { at: now, line, down: true } })
    h.stopped.unwritten = false
  }
  if (h.stopped?.line === '') await readLine(deps, h, h.stopped, now)
  if (!h.stopped && h.due.stop <= now) await findStop(deps, h, now)
}

/** The line of a stop that was only rung about. */
async function readLine({ capacity }: DispatcherDeps, h: Holder, { since, probes }: Stopped, now: number) {
  const stop = await capacity.stopped({ pool: h.pool })
  if (!stop) return goesOn(h)
  const { line, down } = stop
  h.stopped = { line, probeAt: now + PROBE_FIRST_MS, since, probes, ...(down ? { down } : {}) }
}

/** One whose bell was lost, or that landed once more after the pool went on: what stands there is held to, by whoever reads it. */
async function findStop({ capacity }: DispatcherDeps, h: Holder, now: number): Promise<void> {
  h.due.stop = now + STOP_EVERY_MS
  const stop = await capacity.stopped({ pool: h.pool })
  if (stop) h.stopped = stoppedSince(stop, now)
}

/** Whoever finds a record of it asks the provider at once. */
export const stoppedSince = ({ line, down }: StopRecord, now: number): Stopped => ({
  ...{ line, probeAt: now, since: now, probes: 0 },
  ...(down ? { down } : {}),
})
