/**
 * How many calls may be in flight at a provider that is overloaded: down by a part with each round of calls while more
 * than a few of them meet overload, up a little with each that is answered (additive increase, multiplicative decrease),
 * and forgotten when no overload was met for a while.
 */
export interface AtOnce {
  readonly calls: number
  /** The part of late calls that met overload, a moving average. */
  readonly share: number
  /** When it was last lowered, and when overload was last heard of. */
  readonly loweredAt: number
  readonly heardAt: number
}

const DECREASE = 0.8
const INCREASE = 0.1
const AVERAGED_CALLS = 50
/** A call in a hundred that hangs is no overload; three in a row are. */
const SHARE_AT_LEAST = 0.05
const FORGOTTEN_MS = 60_000

const averaged = (share: number, met: 0 | 1): number => share + (met - share) / AVERAGED_CALLS
const NONE: AtOnce = { calls: Infinity, share: 0, loweredAt: 0, heardAt: 0 }

export function overloaded(known: AtOnce = NONE, p: { inFlight: number; slot: number; now: number }): AtOnce {
  const heard = { ...known, share: averaged(known.share, 1), heardAt: p.now }
  // Sent before the last step, it says nothing of it.
  if (heard.share <= SHARE_AT_LEAST || p.slot <= known.loweredAt) return heard
  return { ...heard, calls: Math.max(1, DECREASE * Math.min(known.calls, p.inFlight)), loweredAt: p.now }
}

export const answeredOne = (known: AtOnce): AtOnce => ({
  ...known,
  calls: known.calls + INCREASE,
  share: averaged(known.share, 0),
})

export const stillKnown = (known: AtOnce | undefined, now: number): AtOnce | undefined =>
  known && Math.abs(now - known.heardAt) < FORGOTTEN_MS ? known : undefined
