import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BUGS, CAUGHT } from './bugs/all.ts'
import { planted } from './bugs/bug.ts'
import { bundled, loaded, ROOT } from './bundle.ts'
import type { SeedResult } from './run-seed.ts'
import { simulate } from './runner.ts'
import { Tally } from './tally.ts'

/** Of every run of the tests; longer runs are a command (docs/testing.md). */
const SCHEDULES = 2_000
const FROM = 1
const PROCESSES = 2
/** Two time zones on either side of the world. */
const TIME_ZONES = ['Pacific/Kiritimati', 'America/St_Johns']
const TRACED = 40

let code = ''
beforeAll(async () => {
  code = await bundled()
})

async function results(p: { from: number; seeds: number; timeZone?: string }): Promise<SeedResult[]> {
  const all: SeedResult[] = []
  const processes = Math.min(PROCESSES, p.seeds)
  await simulate({ code, ...p, processes, heard: (result) => all.push(result) > 0 })
  return all.sort((a, b) => a.seed - b.seed)
}

describe('simulated schedules', () => {
  it(`hold every guarantee in ${SCHEDULES} of them, and are hit by faults everywhere`, {
    timeout: 300_000,
  }, async () => {
    const tally = new Tally()
    for (const result of await results({ from: FROM, seeds: SCHEDULES })) tally.add(result)
    expect(tally.failed.map(({ seed, violation }) => ({ seed, violation }))).toEqual([])
    expect(tally.schedules).toBe(SCHEDULES)
    expect(tally.jobsOnAverage).toBeGreaterThan(60)
    expect(tally.faultsOnAverage).toBeGreaterThan(50)
  })

  it('hold for every seed that is kept because a bug, real or planted, fails it', async () => {
    const seeds = [...new Set(CAUGHT.map((bug) => bug.seed))].filter((seed) => seed >= FROM + SCHEDULES)
    for (const seed of seeds) {
      const [result] = await results({ from: seed, seeds: 1 })
      expect(result).not.toHaveProperty('violation')
    }
  })

  it('come to the same trace from the same seed, in every time zone', async () => {
    const traces = await Promise.all(TIME_ZONES.map((timeZone) => results({ from: 1, seeds: TRACED, timeZone })))
    const [east, west] = traces.map((all) => all.map(({ seed, hash }) => ({ seed, hash })))
    expect(east).toEqual(west)
    expect(new Set(east?.map((r) => r.hash)).size).toBe(TRACED)
  })
})

describe('a planted bug', () => {
  it.each(CAUGHT)('is caught: $name', async (bug) => {
    const { violation } = await (await loaded(bug)).runSeed(bug.seed)
    expect(violation).toBeDefined()
  })

  it.each(BUGS)('meets its text once: $name', async (bug) => {
    expect(planted(bug, await readFile(join(ROOT, bug.file), 'utf8'))).toContain(bug.replace)
  })

  it('is one of at least eighty, each with a name of its own, and all but four with a seed that catches it', () => {
    expect(new Set(BUGS.map((bug) => bug.name)).size).toBe(BUGS.length)
    expect(BUGS.length).toBeGreaterThanOrEqual(80)
    // A probe that is cancelled where it has moved to took 27,900 schedules of an earlier draw; a unit test holds it.
    // Three are of clocks that leap an hour within a tick: no plan is made by a look at the bells that old any more.
    expect(BUGS.length - CAUGHT.length).toBeLessThanOrEqual(5)
  })
})
