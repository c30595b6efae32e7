/**
 * Prompts of 100 to 20,000 tokens against calls and tokens together: ten owners, half of whom ask little and often,
 * half much and seldom, share tokens. Counted by the provider, which takes input and max output off its quota when a call
 * arrives and settles it when it is answered.
 */
import type { SettingsInput } from '../core/settings.ts'
import { randomFrom } from '../local/simulated-provider/latency.ts'
import type { Arrival as LoggedCall } from '../local/simulated-provider/tally.ts'
import { type LoggingProvider, loggingProvider } from './limit/provider-log.ts'
import { type BenchJob, settingsFor, until } from './load.ts'
import { type MeasuredSystem, startMeasured } from './processes.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { jain, percentile } from './statistics.ts'
import { worstOfRuns } from './worst.ts'

export const tokens: Scenario = {
  name: 'tokens',
  describe: 'prompts of 100 to 20,000 tokens against a limit of calls and one of tokens: used, refused, fairness',
  run: (options) => worstOfRuns(options, (run) => oneRun(options, run)),
}

const LIMIT = { requests: 1_000, tokens: 1_000_000, windowMs: 20_000 }
const LATENCY_MS = 500
/** The simulated answers are shorter. */
const MAX_OUTPUT = 64
const CHARS_PER_TOKEN = 4

const OWNERS = 10
/** What each owner asks for, in tokens: some six windows' worth for all of them. */
const OWNED = 600_000
const SMALL = { least: 100, most: 2_000 }
const LARGE = { least: 100, most: 20_000 }
const LARGEST = 15_000
const DONE_WITHIN_MS = 400_000
const BATCH = 25

interface Asked extends BenchJob {
  readonly tokens: number
}

/** Sizes are drawn evenly on a scale of logarithms. */
function jobsOfOwner(owner: number, random: () => number): Asked[] {
  const { least, most } = owner % 2 === 0 ? SMALL : LARGE
  const jobs: Asked[] = []
  for (let asked = 0; asked < OWNED; asked += jobs.at(-1)?.tokens as number) {
    const size = Math.round(least * (most / least) ** random())
    const text = 'ask '.repeat(size).slice(0, size * CHARS_PER_TOKEN)
    jobs.push({ kind: 'medium', owner: `owner-${owner}`, input: { text }, tokens: size })
  }
  return jobs
}

function settingsOf(provider: string): SettingsInput {
  const { requests, windowMs } = LIMIT
  const settings = settingsFor({ provider, requests, windowMs })
  const pool = settings.pools['main'] as SettingsInput['pools'][string]
  const kinds = Object.entries(settings.kinds).map(([id, kind]) => [id, { ...kind, maxOutputTokens: MAX_OUTPUT }])
  const main = { ...pool, tokens: LIMIT.tokens, accounting: 'bedrock', share: 'tokens' } as const
  return { ...settings, pools: { main }, kinds: Object.fromEntries(kinds) }
}

async function oneRun(options: Options, run: number): Promise<Figure[]> {
  const random = randomFrom(run)
  const byOwner = Array.from({ length: OWNERS }, (_, owner) => jobsOfOwner(owner, random))
  const total = byOwner.reduce((n, jobs) => n + jobs.length, 0)
  options.say(`tokens: run ${run} of ${options.runs}, ${total} jobs`)
  const provider = await loggingProvider({ ...LIMIT, counting: 'bedrock', latencyMs: LATENCY_MS })
  const system = await startMeasured({ settings: settingsOf(provider.url), engine: 'journal' })
  try {
    const owned = await submitAll(system, byOwner)
    await until(async () => (await provider.stats()).admitted >= total, DONE_WITHIN_MS, 'all jobs to be called')
    return await figuresOf(provider, owned)
  } finally {
    await system.stop()
    await provider.stop()
  }
}

interface Owned extends Asked {
  readonly id: string
}

/** Round by round, so that all owners have begun before any has all of its jobs in. */
async function submitAll({ api }: MeasuredSystem, byOwner: readonly (readonly Asked[])[]): Promise<Owned[]> {
  const accepted: Owned[] = []
  for (let from = 0; byOwner.some((jobs) => jobs.length > from); from += BATCH)
    for (const own of byOwner) {
      const batch = own.slice(from, from + BATCH)
      if (batch.length === 0) continue
      const jobs = batch.map(({ kind, owner, input }) => ({ kind, owner, input }))
      const { results } = (await api.post('/v1/jobs/batch', { jobs })) as { results: { id: string }[] }
      batch.forEach((job, i) => {
        accepted.push({ ...job, id: (results[i] as { id: string }).id })
      })
    }
  return accepted
}

async function figuresOf(provider: LoggingProvider, owned: readonly Owned[]): Promise<Figure[]> {
  const { worst, refused } = await provider.stats()
  const log = provider.log().filter(({ status }) => status === 200)
  const jobOf = new Map(owned.map((job) => [job.id, job]))
  // From the first call on, for as long as every owner has jobs left: then all are owed an equal share.
  const first = log[0]?.at as number
  const last = firstDry(log, owned)
  const during = log.filter(({ at }) => at > first && at <= last)
  const sum = (calls: readonly LoggedCall[]) => calls.reduce((n, call) => n + (call.tokens ?? 0), 0)
  const shares = Array.from({ length: OWNERS }, (_, owner) =>
    sum(during.filter(({ job }) => jobOf.get(job ?? '')?.owner === `owner-${owner}`)),
  )
  const windows = (last - first) / LIMIT.windowMs
  const used = { calls: during.length / (LIMIT.requests * windows), tokens: sum(during) / (LIMIT.tokens * windows) }
  const figure = (metric: string, value: number, unit: string): Figure => ({
    scenario: 'tokens',
    variant: 'shared by tokens, even',
    metric,
    value,
    unit,
  })
  return [
    figure('worst_calls', worst['requests'] ?? 0, 'of limit'),
    figure('worst_tokens', worst['tokens'] ?? 0, 'of limit'),
    figure('refused', refused, 'calls'),
    figure('utilisation', Math.max(used.calls, used.tokens), 'of the binding limit'),
    figure('calls_used', used.calls, 'of limit'),
    figure('tokens_used', used.tokens, 'of limit'),
    figure('jain_tokens', jain(shares), 'Jain'),
    figure('largest_held_p95_s', percentile(heldS(log, jobOf), 0.95), 's'),
    figure('largest_held_max_s', Math.max(...heldS(log, jobOf)), 's'),
  ]
}

/** When the first owner's last job was called. */
function firstDry(log: readonly LoggedCall[], owned: readonly Owned[]): number {
  const at = new Map(log.map((call) => [call.job, call.at]))
  const lastOf = Array.from({ length: OWNERS }, (_, owner) =>
    Math.max(...owned.filter((job) => job.owner === `owner-${owner}`).map(({ id }) => at.get(id) as number)),
  )
  return Math.min(...lastOf)
}

/** How long each of the largest jobs was held: since the job before it in its owner's line was called. */
function heldS(log: readonly LoggedCall[], jobOf: ReadonlyMap<string, Owned>): number[] {
  const before = new Map<string, number>()
  const held: number[] = []
  for (const { job, at } of log) {
    const { owner = '', tokens: size = 0 } = jobOf.get(job ?? '') ?? {}
    const since = before.get(owner)
    if (size >= LARGEST && since !== undefined) held.push((at - since) / 1_000)
    before.set(owner, at)
  }
  return held
}
