import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BUGS } from './bugs/all.ts'
import { planted } from './bugs/bug.ts'
import { ROOT } from './bundle.ts'
import { CHECKS } from './checks/all.ts'
import { Modules } from './modules.ts'

type Simulator = Pick<typeof import('./run-seed.ts'), 'runSeed'>

let modules: Modules
beforeAll(async () => {
  modules = await Modules.from(join(ROOT, 'test/simulation/run-seed.ts'))
})

/** Checks that have caught one. */
const caughtBy = new Set<string>()
const nameOf = (check: (typeof CHECKS)[number]): string => check.name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

describe('a planted bug', () => {
  it.each(BUGS)('is caught: $name', async (bug) => {
    const changed = await modules.changed(join(ROOT, bug.file), (source) => planted(bug, source))
    const { violation } = await (changed as Simulator).runSeed(bug.seed)
    expect(violation).toBeDefined()
    // That a check itself fails catches nothing.
    expect(violation?.check).not.toBe('crashed')
    caughtBy.add(violation?.check as string)
  })

  it('is caught by each of the checks, at least one by each: all of them can fail', () => {
    // No job takes an edge that is not drawn: the product's own guard throws before, which is seen too.
    expect(CHECKS.map(nameOf).filter((name) => !caughtBy.has(name))).toEqual(['legal-edges'])
    expect(caughtBy).toContain('threw')
  })

  it.each(BUGS)('meets its text once: $name', async (bug) => {
    expect(planted(bug, await readFile(join(ROOT, bug.file), 'utf8'))).toContain(bug.replace)
  })

  it('is one of at least eighty, each with a name of its own', () => {
    expect(new Set(BUGS.map((bug) => bug.name)).size).toBe(BUGS.length)
    expect(BUGS.length).toBeGreaterThanOrEqual(80)
  })
})
