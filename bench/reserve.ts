/**
 * What a reserve for people costs and what it buys: a day of people with its rhythm and its bursts beside agents that always
 * have work, for a reserve that is learned and for fixed ones. In virtual time, by the services themselves; an hour of the
 * day is some windows long.
 */
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { askPermit } from '../services/permits/ask.ts'
import { settlePermit } from '../services/permits/standing.ts'
import { aCaller } from '../test/support/callers.ts'
import { World } from '../test/support/world.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { percentile } from './statistics.ts'
import { worstOfRuns } from './worst.ts'

export const reserve: Scenario = {
  name: 'reserve',
  describe: 'a day of people beside agents, in virtual time: who had to wait, and what agents lost, by reserve',
  run: (options) => worstOfRuns(options, (run) => allReserves(options, run)),
}

const LIMIT = { requests: 300, windowMs: 6_000 }
const GUARD = { refusalMs: 50, skewMs: 0, networkMs: 20 }
const RESERVES = ['learned', 0, 0.1, 0.2, 0.3] as const
type Reserve = (typeof RESERVES)[number]
/** Of an hour of the day. */
const HOUR_MS = 5 * LIMIT.windowMs
/** Calls of people in a window, by the hour: a night, a morning's peak, noon, an afternoon, an evening that ebbs. */
const RHYTHM = [1, 0, 0, 0, 1, 2, 5, 12, 30, 50, 60, 50, 30, 40, 50, 45, 40, 30, 20, 15, 10, 8, 4, 2]
const OF_BURSTS = 0.5
const BURST = 10
const BURST_MS = 1_000
const OWNERS = 20
const USE_MS = 200
const CALL_MS = 400
/** Anything below is the time that asking takes. */
const WAITED_MS = 50

async function allReserves(options: Options, run: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const reserve of RESERVES) {
    options.say(`reserve: run ${run} of ${options.runs}, ${nameOf(reserve)}`)
    figures.push(...(await aDay(reserve, run)))
  }
  return figures
}
const nameOf = (reserve: Reserve): string => (reserve === 'learned' ? reserve : `static ${100 * reserve} %`)

async function aDay(reserve: Reserve, run: number): Promise<Figure[]> {
  const people = { reserve, max: 0.5, perPerson: { open: 100, calls: 1_000_000 } }
  const world = new World({ pool: { ...LIMIT, guard: GUARD, history: 'empty', people }, seed: run })
  world.start()
  const windows = (RHYTHM.length * HOUR_MS) / LIMIT.windowMs
  for (let o = 0; o < OWNERS; o++)
    await world.submitMany(Math.ceil(((windows + 6) * LIMIT.requests) / OWNERS), 'step', { owner: `o${o}` })
  await world.pass(2 * LIMIT.windowMs)
  const from = world.now()
  const calls: Call[] = []
  for (const ms of moments(randomFrom(run))) void world.clock.until(from + ms).then(() => personCalls(world, calls))
  await world.pass(RHYTHM.length * HOUR_MS)
  return figuresOf(reserve, { world, calls, from })
}

/** When people ask, ms since the day began: one by one at random, and in bursts. */
function moments(random: () => number): number[] {
  return RHYTHM.flatMap((perWindow, hour) => {
    const calls = (perWindow * HOUR_MS) / LIMIT.windowMs
    const somewhen = (ms: number) => hour * HOUR_MS + random() * (HOUR_MS - ms)
    const alone = Array.from({ length: Math.round(calls * (1 - OF_BURSTS)) }, () => somewhen(0))
    const bursts = Array.from({ length: Math.round((calls * OF_BURSTS) / BURST) }, () => somewhen(BURST_MS))
    return [...alone, ...bursts.flatMap((at) => Array.from({ length: BURST }, () => at + random() * BURST_MS))]
  })
}

interface Call {
  readonly waitMs: number
  readonly at?: number
}

async function personCalls(world: World, calls: Call[]): Promise<void> {
  const asked = world.now()
  const who = aCaller('pat', { scopes: ['capacity:use'] })
  const request = { inputTokens: 100, maxOutputTokens: 100, useWithinMs: USE_MS, lastsMs: 10_000, waitS: 25 }
  const answer = await askPermit(world.api, who, 'main', request)
  const at = world.now()
  const granted = answer.ok && answer.permit.state === 'granted'
  calls.push({ waitMs: at - asked, ...(granted ? { at } : {}) })
  if (!granted) return
  await world.clock.until(at + CALL_MS)
  await settlePermit(world.api, who, { pool: 'main', id: answer.permit.id }, { inputTokens: 100, outputTokens: 50 })
}

function figuresOf(reserve: Reserve, { world, calls, from }: { world: World; calls: Call[]; from: number }): Figure[] {
  const until = world.now()
  const during = (at: number) => at > from && at <= until
  const slots = world.messages.flatMap(({ jobs }) => jobs.map(({ slot }) => slot)).filter(during)
  const used = slots.length + calls.filter(({ at }) => at !== undefined && during(at)).length
  const waits = calls.map(({ waitMs }) => waitMs)
  const figure = (metric: string, value: number, unit: string): Figure => {
    return { scenario: 'reserve', variant: nameOf(reserve), metric, value, unit }
  }
  return [
    figure('calls_of_people', calls.length, 'calls'),
    figure('waited', waits.filter((ms) => ms > WAITED_MS).length / waits.length, 'of calls'),
    figure('wait_p99_ms', percentile(waits, 0.99), 'ms'),
    figure('not_granted', calls.filter(({ at }) => at === undefined).length, 'calls'),
    figure('lost', 1 - used / ((LIMIT.requests * (until - from)) / LIMIT.windowMs), 'of limit'),
  ]
}
