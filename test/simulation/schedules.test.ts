import { beforeAll, describe, expect, it } from 'vitest'
import { BUGS } from './bugs/all.ts'
import { bundled } from './bundle.ts'
import { LEGAL } from './checks/legal-edges.ts'
import type { SeedResult } from './run-seed.ts'
import { simulate } from './runner.ts'
import { Tally } from './tally.ts'

/** Of every run of the tests; longer runs are a command (docs/testing.md). */
const SCHEDULES = 2_000
const FROM = 1
const PROCESSES = 2
/** On either side of the world. */
const TIME_ZONE = 'Pacific/Kiritimati'
const ANOTHER = 'America/St_Johns'
const TRACED = 40

let code = ''
let schedules: readonly SeedResult[] = []
beforeAll(async () => {
  code = await bundled()
  schedules = await results({ from: FROM, seeds: SCHEDULES, timeZone: TIME_ZONE })
}, 1_200_000)

async function results(p: {
  from: number
  seeds: number
  named?: readonly number[]
  timeZone?: string
}): Promise<SeedResult[]> {
  const all: SeedResult[] = []
  const processes = Math.min(PROCESSES, p.seeds)
  await simulate({ code, ...p, processes, heard: (result) => all.push(result) > 0 })
  return all.sort((a, b) => a.seed - b.seed)
}

describe('simulated schedules', () => {
  it(`hold every guarantee in ${SCHEDULES} of them, and are hit by faults everywhere`, () => {
    const tally = new Tally()
    for (const result of schedules) tally.add(result)
    expect(tally.failed.map(({ seed, violation }) => ({ seed, violation }))).toEqual([])
    expect(tally.schedules).toBe(SCHEDULES)
    expect(tally.jobsOnAverage).toBeGreaterThan(60)
    expect(tally.faultsOnAverage).toBeGreaterThan(50)
    expect(tally.taken).toEqual([...LEGAL].sort())
    // Of some 500 kinds of fault at a kind of call; a long run has each of them a hundred times.
    expect(tally.unhit.length).toBeLessThan(10)
  })

  it('hold for every seed that is kept because a bug, real or planted, fails it', async () => {
    const seeds = [...new Set(BUGS.map((bug) => bug.seed))].filter((seed) => seed >= FROM + SCHEDULES)
    const all = await results({ from: 0, seeds: seeds.length, named: seeds })
    expect(all).toHaveLength(seeds.length)
    expect(all.filter((result) => result.violation)).toEqual([])
  })

  it('come to the same trace from the same seed, in every time zone', async () => {
    const elsewhere = await results({ from: FROM, seeds: TRACED, timeZone: ANOTHER })
    const [east, west] = [schedules.slice(0, TRACED), elsewhere].map((all) => all.map(({ seed, hash }) => [seed, hash]))
    expect(east).toEqual(west)
    expect(new Set(east?.map(([, hash]) => hash)).size).toBe(TRACED)
  })
})
