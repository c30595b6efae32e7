/** The protocol, explored: every state that a few jobs and two dispatchers can come to, in every order of their steps. */
import { describe, expect, it } from 'vitest'
import { explore } from './explore.ts'
import { queueModel, type Size } from './model.ts'
import { BUGS, type Bug } from './rules.ts'
import { CATCHES, SMALL } from './sizes.ts'

const STATES_AT_MOST = 1_000_000

const taken = new Set<string>()

describe('in every state that can be reached', () => {
  it.each(Object.entries(SMALL))('%s: nothing is lost, doubled, revived or forgotten', (_, size: Size) => {
    const explored = explore(queueModel(size), STATES_AT_MOST)
    for (const step of Object.keys(explored.taken)) taken.add(step)
    expect(explored.violation).toBeUndefined()
    expect(explored.states).toBeGreaterThan(10_000)
  })

  it('every kind of step was taken: one that never is would prove nothing', () => {
    expect([...taken].sort()).toEqual(STEPS)
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
