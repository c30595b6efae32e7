/** Names of lanes. An owner's name may not hold `#` (core/settings.ts), so a lane's name reads one way only. */
import type { LiveKey, Tier } from './job.ts'

export const laneOf = (p: { pool: string; tier: Tier; owner: string }): string => `${p.pool}#${p.tier}#${p.owner}`

/** The pool of a job's lane. */
export const poolOf = (lane: string): string => lane.slice(0, lane.indexOf('#'))

/** A team's inbox: drafts that wait for a person. */
export const reviewLane = (team: string): string => `review#${team}`

/** Dead letters of a pool: a list for people, which no dispatcher reads. */
export const attentionLane = (pool: string): string => `attention#${pool}`

/** The order within a lane: by the time at which each may start, then by id. */
export const byPlace = (a: Pick<LiveKey, 'at' | 'jobId'>, b: Pick<LiveKey, 'at' | 'jobId'>): number =>
  a.at - b.at || (a.jobId < b.jobId ? -1 : a.jobId > b.jobId ? 1 : 0)
