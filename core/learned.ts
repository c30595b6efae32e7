/**
 * How large a kind's calls really are, from what the last of them used: a high quantile of a histogram whose buckets grow
 * by a tenth and whose older counts fade. What is reserved for the next call is a little above it, and never above what the
 * kind allows, or its input is estimated at; so a pool whose provider counts what might come, not what comes, has room for
 * more calls.
 */
import * as z from 'zod'

export interface Lengths {
  /** Calls by bucket, older ones weighing less. */
  readonly counts: ReadonlyMap<number, number>
  readonly calls: number
  /** Tokens that are enough for nearly every call; absent while too few are known. */
  readonly enough?: number
}

/** By kind: its answers' tokens, and its inputs' thousandths of what they were estimated at. */
export interface Learned {
  readonly lengths: ReadonlyMap<string, Lengths>
  readonly inputs: ReadonlyMap<string, Lengths>
}

const GROWTH = 1.1
const QUANTILE = 0.99
const MARGIN = 1.1
/** Below so many calls nothing is known. */
const CALLS_LEAST = 100
/** Counts are halved at twice as many. */
const CALLS_REMEMBERED = 500

export const NO_LENGTHS: Lengths = { counts: new Map(), calls: 0 }

const bucketOf = (tokens: number): number => Math.ceil(Math.log(Math.max(1, tokens)) / Math.log(GROWTH))
const mostIn = (bucket: number): number => Math.ceil(GROWTH ** bucket)

/** With one call more, whose answer was whole. */
export function withLength(lengths: Lengths, tokens: number): Lengths {
  const bucket = bucketOf(tokens)
  const counts = new Map(lengths.counts).set(bucket, (lengths.counts.get(bucket) ?? 0) + 1)
  return judged(faded({ counts, calls: lengths.calls + 1 }))
}

type Counted = Omit<Lengths, 'enough'>

function faded({ counts, calls }: Counted): Counted {
  if (calls < 2 * CALLS_REMEMBERED) return { counts, calls }
  return { counts: new Map([...counts].map(([bucket, n]) => [bucket, n / 2])), calls: calls / 2 }
}

const judged = (counted: Counted): Lengths =>
  counted.calls < CALLS_LEAST ? counted : { ...counted, enough: Math.ceil(MARGIN * mostIn(quantileBucket(counted))) }

function quantileBucket({ counts, calls }: Counted): number {
  let above = calls
  const ascending = [...counts].sort(([a], [b]) => a - b)
  for (const [bucket, n] of ascending) {
    above -= n
    if (above <= (1 - QUANTILE) * calls) return bucket
  }
  return ascending.at(-1)?.[0] ?? 0
}

const WHOLE = 1_000
export const withInput = (inputs: Lengths, used: number, estimated: number): Lengths =>
  withLength(inputs, Math.ceil((WHOLE * used) / Math.max(1, estimated)))

/** Of an estimate, what is enough for nearly every call: all of it, while too few are known. */
export const shareOf = (inputs: Lengths | undefined): number => Math.min(1, (inputs?.enough ?? WHOLE) / WHOLE)

/** What the next holder of a pool goes on from: the quantile alone, and how many calls stand behind it. */
export const KeptLengths = z.object({ bucket: z.number().int().min(0).max(400), calls: z.number().min(0) })
export type KeptLengths = z.infer<typeof KeptLengths>

export const keptOf = (lengths: Lengths): KeptLengths => ({ bucket: quantileBucket(lengths), calls: lengths.calls })
/** All of them are taken for as long as the quantile: shorter than is known, it becomes again by new calls alone. */
export function recalled({ bucket, calls }: KeptLengths): Lengths {
  const remembered = Math.min(calls, CALLS_REMEMBERED)
  return judged({ counts: new Map([[bucket, remembered]]), calls: remembered })
}
