/**
 * What a provider allows at present, from what its answers say: the limit that its headers state, less what others use of
 * it; where it states none, additive increase and multiplicative decrease (Chiu and Jain, 1989). Never more than is
 * configured: the ledger's bound holds whatever is believed here.
 *
 * Others' use is what the provider counts in its window beyond what our ledger permitted there, at the slot of the call
 * that was answered; so the answer may come late, and our own use alone lowers nothing.
 */
import * as z from 'zod'
import { type Cost, DIMENSIONS, type Dimension, type Limits } from './cost.ts'

/** `limit` of a window, and what was left of it when the call had arrived. */
const Statement = z.object({ limit: z.number(), remaining: z.number().optional() })
export const Told = z.partialRecord(z.enum(DIMENSIONS), Statement)
export type Told = z.infer<typeof Told>

export interface Observation {
  readonly told: Told
  /** Of the call, epoch ms. */
  readonly slot: number
  /** What our own calls had taken of the provider's window at that slot, this one included; absent where not known. */
  readonly held?: Limits
  readonly cost?: Cost
  /** Refused by the limit. */
  readonly refused: boolean
}

export interface Around {
  /** The most that may ever be allowed. */
  readonly configured: Limits
  readonly windowMs: number
  /** What may pass between a slot and the provider's count. */
  readonly guardMs: number
  /** Our calls arrive about in the order of their slots. A burst does not: there only a refusal tells of others. */
  readonly inOrder: boolean
  /** Whether what others use is taken off. */
  readonly strangers: boolean
  readonly now: number
}

interface Sample {
  readonly slot: number
  readonly others: number
  /** Of a refusal: both counts together were the limit, however little others took. */
  readonly sure?: boolean
}
interface Known {
  readonly limit?: number
  readonly samples: readonly Sample[]
  /** The latest slot that was told of, and when that was heard. */
  readonly slot: number
  readonly heardAt: number
  /** When a refusal last showed that there are others. */
  readonly provenAt?: number
  readonly learned?: { readonly limit: number; readonly at: number }
}
export type Feedback = Readonly<Partial<Record<Dimension, Known>>>

export type Why = 'configured' | 'stated' | 'others' | 'learned'
export interface Allowance {
  /** In a window; may be below 1. */
  readonly limit: number
  readonly why: Why
  /** What others use of a window. */
  readonly others: number
}
export type Allowances = Readonly<Partial<Record<Dimension, Allowance>>>

/** What is not told again in so many windows is forgotten. */
const KEPT_WINDOWS = 2
/** What others use is smoothed over a part of the window. */
const SMOOTHED = { ofWindow: 1 / 6, leastMs: 500, mostMs: 5_000, samples: 32 } as const
/** So much of a limit may be our own counting: tokens are estimates. */
const TOLERANCE: Readonly<Record<Dimension, number>> = { requests: 0.02, tokens: 0.2, input: 0.2, output: 0.2 }
/** Where nothing is left some calls go all the same, after a silence: only they can tell that others have left. */
const ASKING = { share: 0.05, least: 1 } as const
/** A provider that states a limit far below what it admits states another window's. */
const ADMITTED_OF_LIMIT = 1.25
const ADMITTED_SPARE = 2
/** A day is 1,440 minutes, and an hour 60: providers allow some tens of minutes' worth in either (Groq: 14,400 of 30). */
const LONGER_WINDOW = 10
const DECREASE = 0.9
/** Of the configured limit, regained in each window. */
const INCREASE = 0.05

const limited = ({ configured }: Around): Dimension[] => DIMENSIONS.filter((d) => configured[d] !== undefined)

/** What is known once an answer was heard of. */
export function hear(known: Feedback, o: Observation, p: Around): Feedback {
  const now = allowances(known, p)
  const explained = !o.refused || limited(p).some((d) => (o.told[d]?.remaining ?? Infinity) < (o.cost?.[d] ?? 1))
  const heard = limited(p).flatMap((d) => {
    const told = o.told[d]
    if (told && believable(told, o, d)) return [[d, toldOf(known[d], told, o, d, p)]]
    return explained || told ? [] : [[d, lowered(known[d], now[d] as Allowance, o, d, p)]]
  })
  return { ...known, ...Object.fromEntries(heard) }
}

function believable({ limit, remaining = 0 }: NonNullable<Told[Dimension]>, o: Observation, d: Dimension): boolean {
  const sound = limit >= 1 && limit < Infinity && remaining >= 0 && remaining <= limit
  return sound && (o.refused || (o.held?.[d] ?? 0) <= ADMITTED_OF_LIMIT * limit + ADMITTED_SPARE)
}

function toldOf(
  known: Known | undefined,
  told: NonNullable<Told[Dimension]>,
  o: Observation,
  d: Dimension,
  p: Around,
): Known {
  const old = known && !isForgotten(known, p) ? known : undefined
  const slot = Math.max(old?.slot ?? 0, o.slot)
  const sampled = sampleOf(told, o, d)
  const samples = [...(old?.samples ?? []), ...sampled].filter((s) => s.slot > slot - smoothedMs(p))
  const provenAt = sampled.some(({ sure, others }) => sure && others > 0) ? p.now : old?.provenAt
  return {
    ...(known?.learned ? { learned: known.learned } : {}),
    // An answer that took long tells of before.
    limit: o.slot === slot ? told.limit : (old?.limit ?? told.limit),
    samples: samples.slice(-SMOOTHED.samples),
    slot,
    heardAt: p.now,
    ...(provenAt === undefined ? {} : { provenAt }),
  }
}

function sampleOf({ limit, remaining }: NonNullable<Told[Dimension]>, o: Observation, d: Dimension): Sample[] {
  const held = o.held?.[d]
  if (held === undefined || remaining === undefined) return []
  const own = o.cost?.[d] ?? 0
  // What is refused takes nothing, and is refused for this limit only if it did not fit.
  const ours = o.refused ? held - own : held
  const sure = o.refused && remaining < own
  return [{ slot: o.slot, others: limit - remaining - ours, ...(sure ? { sure } : {}) }]
}

/** One step down in a round trip, and none while what was sent before the last step still counts. */
function lowered(known: Known | undefined, { limit }: Allowance, o: Observation, d: Dimension, p: Around): Known {
  const old = known ?? { samples: [], slot: 0, heardAt: 0 }
  const held = o.held?.[d]
  if (held === undefined || held > limit || o.slot <= (old.learned?.at ?? 0)) return old
  const least = asking(p.configured[d] as number)
  return { ...old, learned: { limit: Math.max(least, DECREASE * limit), at: p.now } }
}

/** What may be permitted in a window, of whatever is limited. */
export const allowances = (known: Feedback, p: Around): Allowances =>
  Object.fromEntries(limited(p).map((d) => [d, allowance(known[d], d, p)]))

function allowance(known: Known | undefined, d: Dimension, p: Around): Allowance {
  const configured = p.configured[d] as number
  const told = toldAllowance(known, d, p)
  const learned = regained(known?.learned, configured, p)
  return learned < told.limit ? { ...told, limit: learned, why: 'learned' } : told
}

function toldAllowance(known: Known | undefined, d: Dimension, p: Around): Allowance {
  const configured = p.configured[d] as number
  if (!known || known.limit === undefined || isForgotten(known, p))
    return { limit: configured, why: 'configured', others: 0 }
  const others = p.strangers ? othersIn(known, known.limit, d, p) : 0
  const left = Math.max(0, known.limit - others)
  // So far above what is configured it is of a longer window, where our own calls of before count too: nobody else's.
  const named = known.limit > LONGER_WINDOW * configured ? 0 : others
  if (left >= configured) return { limit: configured, why: 'configured', others: named }
  const limit = Math.max(left, Math.min(asking(configured), (configured * silenceMs(known, p)) / p.windowMs))
  return { limit, why: named > 0 ? 'others' : 'stated', others: named }
}

/**
 * The upper quartile of what was seen lately; nothing, where our own counting may be all there is to it. Of others that a
 * refusal has shown it is not, for as long as anything is remembered: few of them would else be found again and again.
 */
function othersIn({ samples, provenAt = 0 }: Known, limit: number, d: Dimension, p: Around): number {
  const amounts = samples.map(({ others }) => others).sort((a, b) => a - b)
  const at = (share: number) => amounts[Math.floor(share * (amounts.length - 1))] ?? 0
  const refused = samples.findLast(({ sure }) => sure)
  // At each end of the window calls may stand in one count and not yet, or no more, in the other.
  const tolerance = Math.max(1, limit * (TOLERANCE[d] + (2 * p.guardMs) / p.windowMs))
  const mayBeOurs = !p.inOrder || (at(0.5) <= tolerance && p.now - provenAt > KEPT_WINDOWS * p.windowMs)
  if (!refused && mayBeOurs) return 0
  return Math.max(0, Math.ceil(at(0.75)), refused?.others ?? 0)
}

const regained = (learned: Known['learned'], configured: number, p: Around): number =>
  learned ? learned.limit + (INCREASE * configured * Math.max(0, p.now - learned.at)) / p.windowMs : Infinity

const asking = (configured: number): number => Math.max(ASKING.least, ASKING.share * configured)
const silenceMs = ({ heardAt }: Known, { now }: Around): number => Math.max(0, now - heardAt)
const isForgotten = (known: Known, p: Around): boolean => silenceMs(known, p) > KEPT_WINDOWS * p.windowMs
const smoothedMs = ({ windowMs }: Around): number =>
  Math.min(SMOOTHED.mostMs, Math.max(SMOOTHED.leastMs, windowMs * SMOOTHED.ofWindow))

/** What the next holder of a pool goes on from. */
const KeptOfOne = z.object({
  limit: z.number().optional(),
  others: z.number(),
  at: z.number(),
  learned: z.object({ limit: z.number(), at: z.number() }).optional(),
})
export const Kept = z.partialRecord(z.enum(DIMENSIONS), KeptOfOne)
export type Kept = z.infer<typeof Kept>

export const keptOf = (known: Feedback, p: Around): Kept =>
  Object.fromEntries(
    Object.entries(known).map(([d, one]) => {
      const { limit, heardAt, learned } = one
      const others = limit === undefined ? 0 : othersIn(one, limit, d as Dimension, p)
      return [d, { others, at: heardAt, ...(limit === undefined ? {} : { limit }), ...(learned ? { learned } : {}) }]
    }),
  )

/** Moments of another machine's clock: what lies ahead is taken for now. */
export function recalled(kept: Kept, now: number): Feedback {
  const known = Object.entries(kept).map(([d, { limit, others, at, learned }]) => {
    const samples: Sample[] = others > 0 ? [{ slot: 0, others, sure: true }] : []
    const heardAt = Math.min(at, now)
    const step = learned && { limit: learned.limit, at: Math.min(learned.at, now) }
    const seen = { ...(limit === undefined ? {} : { limit }), ...(others > 0 ? { provenAt: heardAt } : {}) }
    return [d, { samples, slot: 0, heardAt, ...seen, ...(step ? { learned: step } : {}) }]
  })
  return Object.fromEntries(known)
}
