import { describe, expect, it } from 'vitest'
import { WAIT_REASONS } from '../../core/wait-reason.ts'

describe('the reasons for waiting', () => {
  it.each(Object.entries(WAIT_REASONS))('%s has a sentence of its own', (_, sentence) => {
    expect(sentence).toMatch(/^[A-Z].{10,120}\.$/)
    expect(Object.values(WAIT_REASONS).filter((other) => other === sentence)).toHaveLength(1)
  })
})
