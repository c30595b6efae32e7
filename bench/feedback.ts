/**
 * A provider that does not always allow what is configured: its limit of 300 in any 6 s drops to half and comes back,
 * somebody else takes a third of it and leaves, and it is down for two minutes (feedback/down.ts). With feedback, and
 * without beside it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Change } from '../local/simulated-provider.ts'
import { down, downWithFallback } from './feedback/down.ts'
import { available, settledS } from './feedback/measures.ts'
import { figure, LIMIT, WARM_MS, withSystem } from './feedback/system.ts'
import type { LoggingProvider } from './limit/provider-log.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { worstOfRuns } from './worst.ts'

export const feedback: Scenario = {
  name: 'feedback',
  describe: 'a limit that drops and comes back, another user on it, an outage: settled, refused, used; and without it',
  run: (options) => worstOfRuns(options, (run) => oneRun(options, run)),
}

const STRANGERS = LIMIT.requests / 3
const PHASE_MS = 25_000
/** What changes, and what is then left for us in a window. */
const PHASES: readonly { readonly name: string; readonly change: Change; readonly left: number }[] = [
  { name: 'half', change: { requests: LIMIT.requests / 2 }, left: LIMIT.requests / 2 },
  { name: 'whole', change: { requests: LIMIT.requests }, left: LIMIT.requests },
  { name: 'shared', change: { strangers: STRANGERS }, left: LIMIT.requests - STRANGERS },
  { name: 'alone', change: { strangers: 0 }, left: LIMIT.requests },
]
/** What the limit would let through in all that time, and some more: the backlog outlasts it. */
const JOBS = Math.ceil(((WARM_MS + PHASES.length * PHASE_MS) / LIMIT.windowMs + 2) * LIMIT.requests)

async function oneRun(options: Options, run: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const follows of [true, false]) {
    options.say(`feedback: run ${run} of ${options.runs}, ${nameOf(follows)}`)
    figures.push(...(await withSystem({ jobs: JOBS, follows }, ({ provider }) => changing(nameOf(follows), provider))))
  }
  options.say(`feedback: run ${run} of ${options.runs}, down`)
  figures.push(...(await down()))
  options.say(`feedback: run ${run} of ${options.runs}, down, and another pool for some`)
  figures.push(...(await downWithFallback()))
  return figures
}

const nameOf = (follows: boolean): string => (follows ? 'feedback' : 'naive: feedback off')

async function changing(variant: string, provider: LoggingProvider): Promise<Figure[]> {
  await sleep(WARM_MS)
  const from = Date.now()
  const begun: number[] = []
  for (const { change } of PHASES) {
    provider.change(change)
    begun.push(Date.now())
    await sleep(PHASE_MS)
  }
  const to = Date.now()
  const ours = provider.log().filter(({ job, at }) => job !== undefined && at < to)
  const calls = ours.filter(({ at }) => at >= from)
  const admitted = ours.filter(({ status }) => status === 200).map(({ at }) => at)
  const refused = calls.filter(({ status }) => status === 429).map(({ at }) => at)
  const settled = PHASES.map(({ left }, i) =>
    settledS({ admitted, refused, from: begun[i] as number, to: begun[i + 1] ?? to, left, windowMs: LIMIT.windowMs }),
  )
  const limits = PHASES.map(({ left }, i) => ({ from: begun[i] as number, left }))
  const there = available({
    limits: [{ from: 0, left: LIMIT.requests }, ...limits],
    from,
    to,
    windowMs: LIMIT.windowMs,
  })
  return [
    figure(variant, 'settled_s', Math.max(...settled), 's'),
    figure(variant, 'refused_share', refused.length / calls.length, 'of calls'),
    figure(variant, 'used_of_available', admitted.filter((at) => at >= from).length / there, 'of what was there'),
    ...PHASES.map(({ name }, i) => figure(variant, `settled_${name}_s`, settled[i] as number, 's')),
  ]
}
