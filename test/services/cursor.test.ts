import { describe, expect, it } from 'vitest'
import { CURSOR_GOOD_MS, writeCursor } from '../../services/cursor.ts'
import { type ListRequest, listJobs } from '../../services/list-jobs.ts'
import { listReviews } from '../../services/list-reviews.ts'
import { aCaller } from '../support/callers.ts'
import { asleep, World } from '../support/world.ts'

const ada = aCaller()

describe('a cursor', () => {
  const request: ListRequest = { owner: 'ada', limit: 2 }
  async function withCursor(): Promise<{ world: World; cursor: string }> {
    const world = asleep()
    await world.submitMany(5)
    const page = await listJobs(world.api, ada, request)
    return { world, cursor: (page.ok && page.cursor) || 'none' }
  }
  it('shows nothing of where the list stands', async () => {
    const { cursor } = await withCursor()
    expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toMatch(/ada|main|lane/)
  })

  const asked = async (world: World, cursor: string, caller = ada, other: Partial<ListRequest> = {}) => {
    const page = await listJobs(world.api, caller, { ...request, ...other, cursor })
    return page.ok ? 'read' : page.code
  }

  it('is read by who got it, for the list it was given for, for a day', async () => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor)).toBe('read')
    await world.pass(CURSOR_GOOD_MS)
    expect(await asked(world, cursor)).toBe('read')
    await world.pass(1)
    expect(await asked(world, cursor)).toBe('bad-cursor')
  })

  it('of another caller is refused', async () => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor, aCaller('bob', { mayActFor: ['ada'] }))).toBe('bad-cursor')
  })

  it.each([
    { tier: 'low' },
    { owner: undefined, attention: 'failed' },
    { owner: undefined, attention: 'review' },
  ] as const)('is refused for another list (%o)', async (other) => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor, ada, other)).toBe('bad-cursor')
    expect(await listReviews(world.api, ada, { limit: 2, cursor })).toMatchObject({ code: 'bad-cursor' })
  })

  it('that was changed anywhere is refused', async () => {
    const { world, cursor } = await withCursor()
    for (let i = 0; i < cursor.length; i++) {
      const changed = cursor.slice(0, i) + (cursor[i] === 'A' ? 'B' : 'A') + cursor.slice(i + 1)
      expect(await asked(world, changed), `letter ${i}`).toBe('bad-cursor')
    }
  })

  it.each(['', '.', 'x', 'x.y', 'e30.e30', `${'a'.repeat(900)}.b`])(
    'that is nonsense (%s) is refused',
    async (cursor) => {
      const { world } = await withCursor()
      expect(await asked(world, cursor)).toBe('bad-cursor')
    },
  )

  it('made with another key is refused', async () => {
    const { world } = await withCursor()
    const key = world.live()[0]?.key as never
    expect(await asked(world, writeCursor('another key', { key, scope: 'ada|ada||', now: world.now() }))).toBe(
      'bad-cursor',
    )
  })

  it('into a lane that the configuration no longer has is refused, not read from somewhere', async () => {
    const world = new World({
      pools: { old: { provider: { kind: 'bedrock' }, requests: 10 } },
      kinds: { step: { pool: 'old' } },
    })
    world.wakes = false
    await world.submitMany(5)
    const page = await listJobs(world.api, ada, request)
    const { old: _, ...pools } = world.api.settings.pools
    const later = { ...world.api, settings: { ...world.api.settings, pools } }
    await world.submitMany(3, 'reply')
    expect(await listJobs(later, ada, { ...request, cursor: page.ok ? page.cursor : '' })).toMatchObject({
      code: 'bad-cursor',
    })
  })
})
