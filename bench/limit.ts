/**
 * A flood against a strict limit, through Fairlead in every order and pacing, and through callers without a queue. A
 * minute's trace against 300 calls in any 6 s; with --real, ten minutes against 300 in any 60 s.
 */
import { figure, figuresOf, saturatedFigures, submitFigures, usefulFigure } from './limit/figures.ts'
import type { Trace } from './limit/measures.ts'
import { newcomers } from './limit/newcomer.ts'
import { drawPlots } from './limit/plots.ts'
import { runFairlead, type Setup } from './limit/run-fairlead.ts'
import { type NaiveWay, runNaive } from './limit/run-naive.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { FLOOD, workload } from './workload.ts'
import { worstOfRuns } from './worst.ts'

export const limit: Scenario = {
  name: 'limit',
  describe: 'a flood against 300 calls in any 6 s: used, refused, waits, fairness; and the naive ways',
  run: (options) => worstOfRuns(options, (run) => (options.real ? realTrace(options, run) : shortTrace(options, run))),
}

const SHORT = { requests: 300, windowMs: 6_000, guard: { refusalMs: 100, skewMs: 0, networkMs: 50 } }
const ORDERS = ['weighted', 'strict', 'owners'] as const
const PACINGS = ['even', 'burst'] as const
const SETUPS: readonly Setup[] = PACINGS.flatMap((pacing) => ORDERS.map((order) => ({ ...SHORT, order, pacing })))
const NAIVE = {
  'naive: backoff': { ...SHORT, policy: 'backoff', refusedCount: false },
  'naive: backoff, refused calls count': { ...SHORT, policy: 'backoff', refusedCount: true },
  'naive: retry-after': { ...SHORT, policy: 'retry-after', refusedCount: false },
} as const satisfies Record<string, NaiveWay>

const nameOf = ({ order, pacing }: Setup): string => `${order}, ${pacing}`

async function shortTrace(options: Options, run: number): Promise<Figure[]> {
  const arrivals = workload(FLOOD)
  const ours = new Map<string, Trace>()
  const figures: Figure[] = []
  for (const setup of SETUPS) {
    options.say(`limit: run ${run} of ${options.runs}, ${nameOf(setup)}`)
    const trace = await runFairlead(setup, arrivals)
    ours.set(nameOf(setup), trace)
    figures.push(...figuresOf(nameOf(setup), trace, setup), ...submitFigures(nameOf(setup), trace))
  }
  const naive = new Map<string, Trace>()
  for (const [name, way] of Object.entries(NAIVE)) {
    options.say(`limit: run ${run} of ${options.runs}, ${name}`)
    const trace = await runNaive(way, arrivals, run)
    naive.set(name, trace)
    figures.push(...figuresOf(name, trace, { ...way, pacing: 'burst' }))
  }
  const counting = naive.get('naive: backoff, refused calls count') as Trace
  for (const [name, trace] of ours) figures.push(usefulFigure(name, trace, counting))
  figures.push(...(await newcomerFigures(options, run)))
  if (options.plots && run === 1) drawPlots({ ours, naive })
  return figures
}

async function newcomerFigures(options: Options, run: number): Promise<Figure[]> {
  const setup: Setup = { ...SHORT, order: 'weighted', pacing: 'even' }
  options.say(`limit: run ${run} of ${options.runs}, newcomers`)
  const { slots, calls, waitsMs, backlog } = await newcomers(setup)
  return [
    figure(nameOf(setup), 'newcomer_slots', Math.max(...slots), 'slots'),
    figure(nameOf(setup), 'newcomer_calls', Math.max(...calls), 'calls'),
    figure(nameOf(setup), 'newcomer_wait_s', Math.max(...waitsMs) / 1_000, 's'),
    figure(nameOf(setup), 'newcomer_backlog', backlog, 'jobs'),
  ]
}

const REAL = { requests: 300, windowMs: 60_000, guard: { refusalMs: 250, skewMs: 250, networkMs: 200 } }
const REAL_MS = 600_000
/** Ten minutes admit 3,000 of them: the backlog outlasts the measurement. */
const REAL_JOBS = 3_500
/** The time watched begins with the first call, a moment after the trace. */
const REAL_WATCH_MS = REAL_MS + 5_000

async function realTrace(options: Options, run: number): Promise<Figure[]> {
  const arrivals = workload({ ...FLOOD, jobs: REAL_JOBS })
  const setup: Setup = { ...REAL, order: 'weighted', pacing: 'even' }
  const variant = `${nameOf(setup)}, 300 per 60 s`
  options.say(`limit: run ${run} of ${options.runs}, ${variant}`)
  const trace = await runFairlead(setup, arrivals, REAL_WATCH_MS)
  return saturatedFigures(variant, trace, { ...setup, forMs: REAL_MS })
}
