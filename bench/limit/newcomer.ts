/** An owner's first job behind another owner's backlog of 10,000 in the same tier: how many calls go before it? */
import { setTimeout as sleep } from 'node:timers/promises'
import { shapesOf } from '../../core/ledgers.ts'
import { intervalMs, leadMs } from '../../core/pacing.ts'
import { parseSettings } from '../../core/settings.ts'
import { INITIAL_TRAVEL_MS } from '../../services/dispatch/holder.ts'
import { POLL_MS } from '../../services/dispatch/run.ts'
import { forked } from '../forked.ts'
import { INPUT } from '../load.ts'
import { startMeasured } from '../processes.ts'
import type { SubmitOrder, Submitted } from '../submitter.ts'
import { workload } from '../workload.ts'
import { type LoggingProvider, loggingProvider } from './provider-log.ts'
import { type Setup, settingsOf } from './run-fairlead.ts'

/** Half as many again: calls go on while they are submitted. */
const SUBMITTED = 15_000
const SUBMIT_AT_MOST_MS = 300_000
/** To start a process, and to end one. */
const SLACK_MS = 30_000
const NEWCOMERS = 5
const SERVED_AT_MOST_MS = 30_000
/** So that a newcomer does not meet the one before it. */
const APART_MS = 1_500

export interface Newcomers {
  /**
   * For each newcomer, the tier's calls in slots that were leased when its job could be known, until its own, its own
   * included: this is what the order of service decides. And all calls since its job was accepted: before it could be
   * known, slots were leased as far ahead as the lead reaches.
   */
  readonly slots: readonly number[]
  readonly calls: readonly number[]
  readonly waitsMs: readonly number[]
  /** How many of the other owner's jobs were waiting when the first one came. */
  readonly backlog: number
}

export async function newcomers(setup: Setup): Promise<Newcomers> {
  const provider = await loggingProvider(setup)
  const system = await startMeasured({ settings: settingsOf(setup, provider.url), engine: 'journal' })
  const load = forked<SubmitOrder, Submitted>(
    './submitter.ts',
    { ...system.access, trace: FLOOD, capMs: SUBMIT_AT_MOST_MS },
    SUBMIT_AT_MOST_MS + SLACK_MS,
  )
  try {
    const { jobIds } = await load.answer
    const backlog = jobIds.filter((id) => id !== null).length - (await provider.stats()).admitted
    const served: Served[] = []
    const aheadMs = leasedAheadMs(setup)
    for (let i = 0; i < NEWCOMERS; i++) {
      await sleep(APART_MS)
      const { id } = (await system.api.post('/v1/jobs', { kind: 'low', owner: `new-${i}`, input: INPUT })) as {
        id: string
      }
      served.push(await untilServed(provider, { id, acceptedAt: Date.now(), aheadMs }))
    }
    return {
      slots: served.map((s) => s.slots),
      calls: served.map((s) => s.calls),
      waitsMs: served.map((s) => s.waitMs),
      backlog,
    }
  } finally {
    load.stop()
    await system.stop()
    await provider.stop()
  }
}

const FLOOD = workload({
  seed: 1,
  jobs: SUBMITTED,
  owners: 1,
  bigOwnerShare: 1,
  tierShares: { high: 0, medium: 0, low: 1 },
  atOnceShare: 1,
  spreadMs: 0,
})

const LOOK_EVERY_MS = 100

interface Served {
  readonly slots: number
  readonly calls: number
  readonly waitMs: number
}

/** A bell is read at the next look, and slots are leased so far ahead, as long as sending is as quick as at first. */
function leasedAheadMs(setup: Setup): number {
  const parsed = parseSettings(settingsOf(setup, 'http://127.0.0.1:1/v1'))
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  const [pool] = Object.values(parsed.settings.pools)
  if (!pool) throw new Error('the scenario has a pool')
  return POLL_MS + leadMs(intervalMs(shapesOf(pool).window, setup.pacing), INITIAL_TRAVEL_MS)
}

/** Who is not served in time counts what went before it so far: a lower bound. */
async function untilServed(
  provider: LoggingProvider,
  { id, acceptedAt, aheadMs }: { id: string; acceptedAt: number; aheadMs: number },
): Promise<Served> {
  for (;;) {
    await sleep(LOOK_EVERY_MS)
    const now = Date.now()
    const calls = provider.log().filter((c) => c.status === 200)
    const ownAt = calls.find((c) => c.job === id)?.at ?? (now > acceptedAt + SERVED_AT_MOST_MS ? now : undefined)
    if (ownAt === undefined) continue
    const before = calls.filter((c) => c.at > acceptedAt && c.at < ownAt)
    const decided = before.filter((c) => c.at > acceptedAt + aheadMs)
    // It may have been called before its submitter heard that it was accepted.
    return { slots: decided.length + 1, calls: before.length + 1, waitMs: Math.max(0, ownAt - acceptedAt) }
  }
}
