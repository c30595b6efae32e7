/** Builders: each makes something valid, of which a test names only what matters to it. */
import type { Head } from '../../core/bell.ts'
import { noUse, useShapes } from '../../core/caps.ts'
import { type Cost, type Limits, NOTHING, within } from '../../core/cost.ts'
import type { Queued, Tier } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { emptyLedger, type Ledger, type LedgerShape, permit } from '../../core/ledger.ts'
import type { Ledgers } from '../../core/ledgers.ts'
import type { Snapshot } from '../../core/plan.ts'
import { heard, type Lane, laneIn, newRing, type Ring, weights } from '../../core/ring.ts'
import { PoolSettings } from '../../core/settings.ts'

/** An ordinary moment: 2023-11-14T22:13:20Z, a multiple of every bucket width used here. */
export const NOW = 1_700_000_000_000

let made = 0
/** Ids in the order in which they were asked for, as ULIDs would be. */
const anId = (): string => `j${String(++made).padStart(8, '0')}`

export const aHead = (over: Partial<Head> = {}): Head => ({
  jobId: over.jobId ?? anId(),
  at: NOW,
  fence: 0,
  tokens: 100,
  attempt: 0,
  crashes: 0,
  ...over,
})

export function aJob(over: Partial<Queued> = {}): Queued {
  const { pool = 'main', tier = 'medium', owner = 'ann', submittedAt = NOW } = over
  return {
    v: 1,
    state: 'queued',
    key: { lane: laneOf({ pool, tier, owner }), at: submittedAt, jobId: anId() },
    pool,
    tier,
    owner,
    kind: 'reply',
    fence: 0,
    attempt: 0,
    throttles: 0,
    crashes: 0,
    generation: 1,
    tokens: 100,
    submittedAt,
    errors: [],
    ...over,
  }
}

/** Some alike jobs of one owner in one tier. */
export interface Jobs extends Partial<Omit<Head, 'jobId'>> {
  readonly owner?: string
  readonly tier?: Tier
  readonly count?: number
}

export const EVEN_TIERS = { high: 1, medium: 1, low: 1 } as const

export function aRing(
  p: Partial<Pick<Ring, 'order' | 'share'>> & {
    tiers?: Record<Tier, number>
    weights?: Record<string, number>
    jobs?: readonly Jobs[]
  } = {},
): Ring {
  const { order = 'weighted', share = 'requests', weights = {}, jobs = [] } = p
  const { tiers: tierWeight = { high: 60, medium: 30, low: 10 } } = p
  const ring = newRing({ pool: 'main', order, share, tierWeight, ownerWeight: (owner) => weights[owner] ?? 1 })
  for (const some of jobs) enterJobs(ring, some)
  return ring
}

/** Has the ring hear of the jobs. */
export function enterJobs(ring: Ring, { owner = 'ann', tier = 'medium', count = 1, ...head }: Jobs): Head[] {
  const heads = Array.from({ length: count }, () => aHead(head))
  for (const one of heads) heard(ring, laneIn(ring, { tier, owner }), one)
  return heads
}

/** One call, and nothing else that is counted. */
export const aCost = (over: Partial<Cost> = {}): Cost => ({ ...NOTHING, requests: 1, ...over })

/** One second of ten buckets, five calls, no limit on tokens. */
export const aShape = (over: Partial<LedgerShape> = {}): LedgerShape => ({
  bucketMs: 100,
  buckets: 10,
  limits: { requests: 5 },
  ...over,
})

/** A ledger with calls permitted at the given moments, whether or not they are legal. */
export const aLedger = (
  p: { shape?: LedgerShape; now?: number; permits?: readonly ({ slot: number } & Partial<Cost>)[] } = {},
): Ledger =>
  (p.permits ?? []).reduce(
    (ledger, { slot, ...cost }) => permit(ledger, slot, aCost(cost)),
    emptyLedger(p.shape ?? aShape(), p.now ?? NOW),
  )

export const someLedgers = (p: Parameters<typeof aLedger>[0] = {}): Ledgers => ({ window: aLedger(p) })

export const limitedTo = (limits: Limits): Ledgers => someLedgers({ shape: aShape({ limits }) })

/** What a job of so many tokens costs, where that is within the limits; what is not told apart is input. */
const costIn =
  ({ window }: Ledgers) =>
  ({ tokens, inputTokens: input = tokens }: Head): Cost =>
    within(aCost({ tokens, input, output: tokens - input }), window.shape.limits)

/** Owners who may have all, and have had nothing. */
export const uncapped =
  (now: number): Snapshot['useOf'] =>
  () =>
    noUse(useShapes(aPool()), now)

export function aSnapshot(over: Partial<Snapshot> = {}): Snapshot {
  const { ledgers = someLedgers() } = over
  return {
    ring: aRing(),
    ledgers,
    costOf: costIn(ledgers),
    useOf: uncapped(NOW),
    atOnceOf: () => Infinity,
    pacing: 'burst',
    next: {},
    concurrency: Infinity,
    travelMs: 0,
    slowedMs: 0,
    windowMs: 1_000,
    quietUntil: 0,
    ...over,
  }
}

export const aPool = (over: Partial<PoolSettings> = {}): PoolSettings => ({
  ...PoolSettings.parse({ provider: { kind: 'bedrock' }, requests: 300 }),
  ...over,
})

/** What was sent of a lane, as its turns were charged. */
export const chargedTo = (ring: Ring, lane: Lane) => ({ lane: lane.id, weights: weights(ring, lane) })
