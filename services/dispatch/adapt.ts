/** What the holder learns from workers: how long sending takes, and which slots came late. */
import type { Bell } from '../../core/bell.ts'
import type { Holder } from './holder.ts'
import { countLate } from './load.ts'

type Told = Extract<Bell, { t: 'settled' }>

export function adapt(h: Holder, told: Told): void {
  if (told.slackMs !== undefined) followTravel(h, told.slackMs)
  countLate(h, told)
}

const TRAVEL_MS = { least: 20, most: 500 } as const
const SPARE_MS = 15

/**
 * What sending takes, followed: at once when a job had less than SPARE_MS to spare, back slowly when there was plenty.
 * The lead is at least four times this.
 */
function followTravel(h: Holder, slackMs: number): void {
  const wanted = slackMs < SPARE_MS ? h.travelMs + (SPARE_MS - slackMs) * 1.5 : h.travelMs - Math.min(5, slackMs / 50)
  h.travelMs = travelWithin(wanted)
}

export const travelWithin = (ms: number): number => Math.min(TRAVEL_MS.most, Math.max(TRAVEL_MS.least, ms))
