/** The live picture of a pool that the dispatcher writes once a second, and the API serves. Counts, never content. */
import * as z from 'zod'
import { DIMENSIONS } from './cost.ts'

const tier = z.object({
  queued: z.number(),
  running: z.number(),
  /** Since the pool began. */
  done: z.number(),
  /** Why its first job waits. */
  waits: z.string().optional(),
})
export type TierPicture = z.infer<typeof tier>

const amounts = z.partialRecord(z.enum(DIMENSIONS), z.number())

export const Overview = z.object({
  v: z.literal(1),
  at: z.number(),
  tiers: z.object({ high: tier, medium: tier, low: tier }),
  /** The busiest owners: calls served in this holder's view of the last window, share of them, and the share due. */
  owners: z.array(
    z.object({
      owner: z.string(),
      queued: z.number(),
      served: z.number(),
      share: z.number(),
      entitlement: z.number(),
      /** Calls in flight, if any. */
      inFlight: z.number().optional(),
      waits: z.string().optional(),
    }),
  ),
  ownersLive: z.number(),
  /** Owners at or over the limit on backlog. */
  full: z.array(z.string()),
  /** Lanes whose owners have used up what they may have for now; the first of them. */
  capped: z.array(z.object({ owner: z.string(), tier: z.string() })).optional(),
  /** Calls in flight of owners whose calls in flight are capped. */
  flying: z.array(z.object({ owner: z.string(), calls: z.number() })).optional(),
  /** The sum of the weights of all that are live: what an entitlement is a part of. */
  weightLive: z.number().optional(),
  callsInWindow: z.number(),
  /** Calls that a window may hold; absent where they are not limited. */
  limit: z.number().optional(),
  /** What was permitted in the last window, and in the longer one, of what is limited there. */
  used: z.object({ window: amounts, day: amounts.optional() }).optional(),
  /** Of the window: what is reserved for calls whose end was not heard of. */
  reserved: amounts.optional(),
  /** What people were permitted in it, and what is held for them beside it. */
  people: z.object({ used: amounts, held: amounts }).optional(),
  windowMs: z.number(),
  refused: z.number(),
  /** Calls that the cache has saved, since the pool began. */
  saved: z.number().optional(),
  /** Jobs of this pool that are offered to others at present, and that others have served since the pool began. */
  elsewhere: z.object({ offered: z.number(), served: z.number() }).optional(),
  late: z.number(),
  /** By kind, tokens of output that are reserved for a call, where that is less than the kind allows. */
  learned: z.record(z.string(), z.number()).optional(),
  /** By kind, the share of what its input is estimated at that is reserved for a call, where it is not all. */
  learnedInput: z.record(z.string(), z.number()).optional(),
  /** Tokens that were not reserved for either, since the pool began. */
  recovered: z.number().optional(),
  /** `slot`: 0 where a takeover found the call on its way, for its record does not tell. */
  inFlight: z.array(z.object({ jobId: z.string(), owner: z.string(), tier: z.string(), slot: z.number() })),
  stopped: z.string().optional(),
  /** What the provider allows at present, where that is followed. Absent in pictures of older code. */
  provider: z
    .object({
      /** Of a window, by dimension; `since` (epoch ms) it is so, and what others use of it. */
      allows: z.partialRecord(
        z.enum(DIMENSIONS),
        z.object({ limit: z.number(), why: z.string(), since: z.number(), others: z.number() }),
      ),
      /** Calls in flight, where overload has lowered them. */
      atOnce: z.number().optional(),
      /** Epoch ms, where it asked for quiet. */
      quietUntil: z.number().optional(),
      /** It is down: nothing is sent but probes. */
      down: z.object({ since: z.number(), line: z.string(), probeAt: z.number() }).optional(),
    })
    .optional(),
})
export type Overview = z.infer<typeof Overview>

/** Under which version of the ledger (all holders of a pool count on) and when a picture was painted. */
export interface Painted {
  readonly version: number
  /** Epoch ms. */
  readonly at: number
}
/** So old a picture is replaced whatever it was painted under: its ledger may have begun anew. */
export const REPLACED_AFTER_MS = 60_000

/** A picture that lands late does not replace a newer one: when its pool is idle nobody would paint it over. */
export const replaces = (fresh: Painted, old: Painted): boolean =>
  old.version < fresh.version ||
  (old.version === fresh.version && old.at <= fresh.at) ||
  old.at < fresh.at - REPLACED_AFTER_MS
