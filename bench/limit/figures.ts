/** The figures of a trace, ours or naive, under the names that bench/bars.ts knows. */
import { floorMs } from '../floor.ts'
import type { Figure } from '../scenario.ts'
import { worstWindow } from '../statistics.ts'
import { drainMs, jainFirst, servedWithin, type Trace, utilisation, waitsS } from './measures.ts'
import type { Allowance } from './provider-log.ts'
import type { OurTrace } from './run-fairlead.ts'

const FIRST_CALLS = 600

export const figure = (variant: string, metric: string, value: number, unit: string): Figure => ({
  scenario: 'limit',
  variant,
  metric,
  value,
  unit,
})

const limitFigures = (variant: string, trace: Trace, { requests, windowMs }: Allowance): Figure[] => [
  figure(variant, 'worst_window', worstWindow(trace.admittedMs, windowMs) / requests, 'of limit'),
  figure(variant, 'refused', trace.refusedMs.length, 'calls'),
]

export function figuresOf(variant: string, trace: Trace, p: Allowance & { pacing: 'even' | 'burst' }): Figure[] {
  const drain = drainMs(trace)
  const [half, most] = [waitsS(trace, 0.5), waitsS(trace, 0.95)]
  const { index, owners } = jainFirst(FIRST_CALLS, trace)
  return [
    ...limitFigures(variant, trace, p),
    // Of bursts it depends on where in one it begins and ends; their drain_ratio says it.
    ...(p.pacing === 'even' ? [figure(variant, 'utilisation', utilisation(trace, p), 'of limit')] : []),
    figure(variant, 'drain_s', drain / 1_000, 's'),
    figure(variant, 'drain_ratio', drain / floorMs(trace.jobs, p), 'of floor'),
    figure(variant, 'unserved', trace.jobs.filter((j) => j.admittedMs === undefined).length, 'jobs'),
    figure(variant, 'wait_p50_s', half.all, 's'),
    figure(variant, 'wait_p95_s', most.all, 's'),
    figure(variant, 'high_wait_p50_s', half.high, 's'),
    figure(variant, 'high_wait_p95_s', most.high, 's'),
    figure(variant, 'small_owner_wait_p50_s', half.smallOwners, 's'),
    figure(variant, 'small_owner_wait_p95_s', most.smallOwners, 's'),
    figure(variant, `jain_first_${FIRST_CALLS}`, index, 'Jain'),
    figure(variant, `jain_owners`, owners, 'owners'),
  ]
}

/** What submitting took: part of every wait, and of the drain. */
export const submitFigures = (variant: string, { acceptedMs, repeatedSubmits }: OurTrace): Figure[] => [
  figure(variant, 'flood_accepted_s', acceptedMs / 1_000, 's'),
  figure(variant, 'repeated_submits', repeatedSubmits, 'submits'),
]

/** A backlog that outlasts the time watched: only the limit is of interest. */
export const saturatedFigures = (variant: string, trace: Trace, p: Allowance & { forMs: number }): Figure[] => [
  ...limitFigures(variant, trace, p),
  figure(variant, 'utilisation', utilisation(trace, { ...p, untilMs: (first) => first + p.forMs }), 'of limit'),
]

/** How many times as many jobs were served as naive callers served within the time in which ours were done. */
export const usefulFigure = (variant: string, ours: Trace, naive: Trace): Figure =>
  figure(
    variant,
    'useful_vs_naive',
    servedWithin(ours, drainMs(ours)) / Math.max(1, servedWithin(naive, drainMs(ours))),
    'times',
  )
