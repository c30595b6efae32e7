/** What a schedule is about, where it is about something: draws of its own, so that all others stay as they are. */
import type { Half } from './faults.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'

/**
 * Courses of events that chance alone hardly ever brings, each of them half of the time while faults last:
 * - `leaving`: it goes on for long, nothing is heard of who leaves the ring, and owners come back just then;
 * - `refusing`: the provider refuses the key, and probes come late, die as they are let go of, or are cancelled;
 * - `leaping`: all slots are missed, and the dispatcher's clock leaps in the middle of a tick, and back; where settings are
 *   changed, just while they are taken in;
 * - `sending`: the queue takes nothing, and the dispatcher stands still meanwhile.
 * And, more seldom:
 * - `haunting`: first puts land late, when their jobs have moved or ended, and who cancels them stands still before;
 * - `keeping`: owners are capped, and what dispatchers that soon end have kept of them lands late.
 * - `doubling`: first puts land late, when their jobs have moved, and workers stand still once they have claimed: two
 *   records of a job stand claimed when dispatchers that soon end take over from each other, and then one stays.
 * - `chasing`: first puts land late, when their jobs have moved, and the provider refuses the key; the next dispatcher
 *   probes with what was left behind, and somebody cancels its job where it stands now.
 */
const ABOUT = ['leaving', 'refusing', 'leaping', 'sending'] as const
const SELDOM = ['haunting', 'keeping'] as const
export type About = (typeof ABOUT)[number] | (typeof SELDOM)[number] | 'doubling' | 'chasing'

export function aboutOf(seed: number): About | undefined {
  const s = new Stream(seed, 'about')
  const often = s.chance(0.08) ? s.pick(ABOUT) : undefined
  // Seven minutes of the world's cost as much as eight others.
  if (often === 'leaving' && new Stream(seed, 'leaving seldom').chance(0.5)) return undefined
  if (often) return often
  const seldom = new Stream(seed, 'seldom')
  if (seldom.chance(0.025)) return seldom.pick(SELDOM)
  if (new Stream(seed, 'doubling').chance(0.005)) return 'doubling'
  return new Stream(seed, 'chasing').chance(0.005) ? 'chasing' : undefined
}

export function halfOf({ seed, about, lateEntries, slowLeases, changes }: Scenario): Half {
  // The dispatcher stands still between its look at the bells and its plan, and settings are changed meanwhile.
  const stands = changes.length > 0 && new Stream(seed, 'stands').chance(0.3)
  const leaving = new Stream(seed, 'leaving').pick(['late', 'unknown'] as const)
  const byAbout: Record<About, Half> = {
    leaving: [['rings.leave', leaving, 0.03]],
    refusing: [['jobs.release', 'crash-after']],
    leaping:
      changes.length > 0
        ? [['capacity.overrides', 'jump']]
        : [
            ['rings.note', 'jump'],
            ['rings.keep', 'jump'],
            ['jobs.live', 'jump'],
            ['capacity.write', 'jump'],
          ],
    sending: [
      ['queue.send', 'throttle'],
      ['rings.deleteBells', 'freeze'],
    ],
    haunting: [
      ['jobs.enter', 'late'],
      ['jobs.load', 'freeze'],
    ],
    keeping: [['rings.keep', 'late']],
    doubling: [['jobs.load', 'freeze', 0.03]],
    chasing: [['jobs.discard', 'crash-after', 0.04]],
  }
  return [
    ...(lateEntries ? [['jobs.enter', 'late'] as const] : []),
    ...(slowLeases ? [['capacity.acquire', 'slow'] as const] : []),
    ...(stands ? (['rings.note', 'rings.keep'] as const).map((call) => [call, 'freeze', 0.01] as const) : []),
    ...(about ? byAbout[about] : []),
  ]
}
