/** The protocol, explored: every state that a few jobs and two dispatchers can come to, in every order of their steps. */
import { beforeAll, describe, expect, it } from 'vitest'
import { type Explored, explore } from './explore.ts'
import { queueModel } from './model.ts'
import { BUGS, type Bug } from './rules.ts'
import { CATCHES, SMALL } from './sizes.ts'

const STATES_AT_MOST = 1_000_000

describe('in every state that can be reached', () => {
  const explored = new Map<string, Explored>()
  beforeAll(() => {
    for (const [name, size] of Object.entries(SMALL)) explored.set(name, explore(queueModel(size), STATES_AT_MOST))
  })

  it.each(Object.keys(SMALL))('%s: nothing is lost, doubled, revived or forgotten', (name) => {
    expect(explored.get(name)).not.toHaveProperty('violation')
    expect(explored.get(name)?.states).toBeGreaterThan(10_000)
  })

  it('every kind of step was taken: one that never is would prove nothing', () => {
    const taken = [...explored.values()].flatMap((e) => Object.keys(e.taken))
    expect([...new Set(taken)].sort()).toEqual(STEPS)
  })
})

const STEPS = (
  'absorb accept ask call cancel claim create die discard end ending enter expire forget free idle leave look lost move ' +
  'note over permit quiet read recall release repeat rering resume ring run send stale start takeover trust unheard ' +
  'woken write'
).split(' ')

describe('a mistake in the protocol is found', () => {
  it.each(Object.entries(BUGS) as [Bug, string][])('%s: %s', (bug) => {
    const { size, what } = CATCHES[bug]
    const { violation } = explore(queueModel(size, bug), STATES_AT_MOST)
    expect(violation?.what).toMatch(what)
  })
})
