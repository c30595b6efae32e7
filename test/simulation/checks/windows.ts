/**
 * G2, counted where the provider counts: no window holds more calls or tokens than the limits. Where clocks and networks
 * are farther off than the guard allows, it may hold as many more as there are calls outside it.
 */
import type { Arrival, MakeCheck } from './check.ts'

interface Counted {
  readonly at: number
  readonly tokens: number
  readonly outside: boolean
}
/** As documented: three bytes of prompt are a token, and all the output that may come is reserved. */
const reserved = ({ request }: Arrival): number =>
  Math.ceil(Buffer.byteLength(`${request.system ?? ''}${request.prompt}`) / 3) + request.maxOutputTokens

type Permit = NonNullable<Arrival['permit']>
const nameOf = ({ key, fence, slot }: Permit): string => `${key.jobId} ${fence} ${slot}`

export const windows: MakeCheck = (w) => {
  const counted = new Map<string, Counted[]>()
  /** Permits stamped by a clock that was ahead by more than the guard allows: whoever holds the lease next can know of
   *  them only that their calls may have been made by then. */
  const ahead = new Set<string>()
  const isOutside = ({ at, permit, request }: Arrival): boolean => {
    if (!permit || ahead.has(nameOf(permit))) return true
    // Half the skew to each side of a slot, then refusal and network behind it.
    const { refusalMs, skewMs, networkMs } = request.pool.guard
    const late = at - permit.slot
    return late < -skewMs / 2 || late > refusalMs + skewMs / 2 + networkMs
  }
  return {
    sent({ pool, sentAt, jobs }) {
      const skewMs = w.scenario.settings.pools[pool]?.guard.skewMs ?? 0
      if (sentAt > w.now() + skewMs / 2) for (const job of jobs) ahead.add(nameOf(job))
    },
    arrival(arrival) {
      const { pool, at, request } = arrival
      const { windowMs, requests, tokens } = request.pool
      const window = counted.get(pool) ?? []
      counted.set(pool, window)
      while ((window[0]?.at ?? Infinity) <= at - windowMs) window.shift()
      window.push({ at, tokens: reserved(arrival), outside: isOutside(arrival) })
      const outside = window.filter((c) => c.outside)
      if (outside.length > 0 && w.scenario.clocks !== 'beyond')
        w.fail(
          'windows',
          `${request.jobId} is called ${at - (arrival.permit?.slot ?? 0)} ms after its slot, outside the guard`,
        )
      if (window.length > requests + outside.length)
        w.fail('windows', `${window.length} calls in a window of ${requests}, ${outside.length} of them outside`)
      const sum = window.reduce((total, c) => total + (c.outside ? 0 : c.tokens), 0)
      if (tokens !== undefined && sum > tokens) w.fail('windows', `${sum} tokens in a window of ${tokens}`)
    },
  }
}
