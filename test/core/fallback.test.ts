import { describe, expect, it } from 'vitest'
import type { Head } from '../../core/bell.ts'
import { type Cost, NOTHING } from '../../core/cost.ts'
import { type Elsewhere, offersOf, roomOf } from '../../core/fallback.ts'
import { dropGuests, heard, inFlight, laneIn, lend, newRing, type Ring } from '../../core/ring.ts'
import { type KindSettings, parseSettings } from '../../core/settings.ts'

const NOW = 1_000_000
const PROVIDER = { kind: 'bedrock' } as const
const SPARE = { pool: 'spare', model: 'b' }

function settings(fallback: object[]) {
  const kind = { pool: 'main', tier: 'high', model: 'a', prompt: 'Go.' }
  return parseSettings({
    pools: Object.fromEntries(['main', 'spare', 'third'].map((id) => [id, { provider: PROVIDER, requests: 10 }])),
    kinds: { plain: kind, roaming: { ...kind, fallback } },
  })
}
function kinds(...fallback: object[]): Record<string, KindSettings> {
  const parsed = settings(fallback)
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  return parsed.settings.kinds
}
const aHead = (jobId: string, more: Partial<Head> = {}): Head => ({
  jobId,
  at: NOW - 1_000,
  fence: 0,
  tokens: 10,
  kind: 'roaming',
  attempt: 0,
  crashes: 0,
  ...more,
})
function aRing(lanes: Record<string, Head[]>, pool = 'main'): Ring {
  const tierWeight = { high: 60, medium: 30, low: 10 }
  const ring = newRing({ pool, order: 'weighted', share: 'requests', tierWeight, ownerWeight: () => 1 })
  for (const [owner, heads] of Object.entries(lanes))
    for (const head of heads) heard(ring, laneIn(ring, { tier: 'high', owner }), head)
  return ring
}
const jobs = (requests: number): Cost => ({ requests, tokens: Infinity, input: Infinity, output: Infinity })
const offers = (ring: Ring, more: Partial<Elsewhere> = {}) =>
  offersOf(ring, {
    now: NOW,
    stopped: true,
    kinds: kinds(SPARE),
    room: new Map([
      ['spare', jobs(3)],
      ['third', jobs(3)],
    ]),
    costIn: ({ tokens }) => ({ ...NOTHING, requests: 1, tokens }),
    stoppedPools: new Set(),
    fits: () => true,
    ...more,
  }).map(({ head, pool, why }) => `${head.jobId} ${pool} ${why}`)

describe('what a stopped pool offers', () => {
  it('is the first of each lane before any second one, as far as there is room', () => {
    const ring = aRing({ ada: [aHead('a1'), aHead('a2'), aHead('a3')], bob: [aHead('b1')] })
    expect(offers(ring)).toEqual(['a1 spare down', 'b1 spare down', 'a2 spare down'])
  })

  it('are jobs of kinds that name another pool, ready ones that fit there, and no guests', () => {
    const guest = { lane: 'x#high#ada', until: NOW + 9, why: 'down' as const }
    const no = [
      aHead('plain', { kind: 'plain' }),
      aHead('guest', { guest }),
      aHead('large'),
      aHead('removed', { kind: 'x' }),
    ]
    const ring = aRing({ ada: [...no, aHead('yes'), aHead('later', { at: NOW + 1 })] })
    expect(offers(ring, { fits: ({ jobId }) => jobId !== 'large' })).toEqual(['yes spare down'])
  })

  it('goes to the next in the chain where the first is stopped, and to the first alone where all are', () => {
    const ring = aRing({ ada: [aHead('a1')] })
    const chain = { kinds: kinds(SPARE, { pool: 'third', model: 'c' }) }
    expect(offers(ring, { ...chain, stoppedPools: new Set(['spare']) })).toEqual(['a1 third down'])
    expect(offers(ring, { ...chain, stoppedPools: new Set(['spare', 'third']) })).toEqual(['a1 spare down'])
  })

  it('is nothing while the pool is well, but what has been ready for as long as its kind says', () => {
    const ring = aRing({ ada: [aHead('old', { at: NOW - 5_000 }), aHead('new')] })
    expect(offers(ring, { stopped: false })).toEqual([])
    expect(offers(ring, { stopped: false, kinds: kinds({ ...SPARE, afterMs: 4_000 }) })).toEqual(['old spare busy'])
  })

  it('goes to the next in the chain where the first has no room left', () => {
    const ring = aRing({ ada: ['a1', 'a2', 'a3'].map((id) => aHead(id)) })
    const chain = { kinds: kinds(SPARE, { pool: 'third', model: 'c' }) }
    const room = new Map([
      ['spare', jobs(1)],
      ['third', jobs(1)],
    ])
    expect(offers(ring, { ...chain, room })).toEqual(['a1 spare down', 'a2 third down'])
  })

  it('is as many as the other has tokens for, and one at least', () => {
    const ring = aRing({ ada: ['a1', 'a2', 'a3'].map((id) => aHead(id, { tokens: 100 })) })
    const room = (tokens: number) => ({ room: new Map([['spare', { ...jobs(9), tokens }]]) })
    expect(offers(ring, room(150))).toHaveLength(2)
    expect(offers(ring, room(1))).toHaveLength(1)
    expect(offers(ring, room(0))).toHaveLength(0)
  })

  it('is what the other takes in a quarter of a minute, and one job where that is stopped itself', () => {
    const requests = (pool: Partial<Parameters<typeof roomOf>[0]>, stopped = false) =>
      roomOf({ windowMs: 60_000, ...pool }, stopped).requests
    expect(requests({ requests: 300 })).toBe(75)
    expect(requests({ requests: 1 })).toBe(1)
    expect(requests({ requests: 1_000_000 })).toBe(1_000)
    expect(requests({ requests: 300, day: { requests: 20 } })).toBe(20)
    expect(requests({ concurrency: 5 })).toBe(20)
    expect(requests({ requests: 300 }, true)).toBe(1)
    expect(roomOf({ windowMs: 60_000, tokens: 4_000, outputTokens: 800 }, false)).toMatchObject({
      tokens: 1_000,
      input: Infinity,
      output: 200,
    })
  })
})

describe('a job that is offered elsewhere', () => {
  const lent = () => {
    const ring = aRing({ ada: [aHead('a1'), aHead('a2')] })
    const lane = laneIn(ring, { tier: 'high', owner: 'ada' })
    lend(ring, lane, lane.heads[0] as Head, { to: 'spare', until: NOW + 9, lookAt: NOW + 19, now: NOW })
    return { ring, lane }
  }

  it('stands in its lane no more, counts as no call in flight, and is not heard of twice', () => {
    const { ring, lane } = lent()
    heard(ring, lane, aHead('a1'))
    expect(lane.heads.map(({ jobId }) => jobId)).toEqual(['a2'])
    expect(inFlight(ring)).toEqual([])
    expect(ring.sent.get('a1')).toMatchObject({ elsewhere: 'spare', notAfter: NOW + 9, lookAt: NOW + 19 })
  })

  it('is back as soon as it is heard of under a later fence', () => {
    const { ring, lane } = lent()
    heard(ring, lane, aHead('a1', { fence: 2 }))
    expect(lane.heads.map(({ jobId }) => jobId)).toEqual(['a1', 'a2'])
    expect(ring.sent.size).toBe(0)
  })
})

describe('a guest', () => {
  const guest = (until: number) => ({ lane: 'main#high#ada', until, why: 'down' as const })

  it('stays until its offer is over, or a longer one', () => {
    const ring = aRing({ ada: [aHead('g1', { guest: guest(NOW + 10) }), aHead('own')] }, 'spare')
    const lane = laneIn(ring, { tier: 'high', owner: 'ada' })
    heard(ring, lane, aHead('g1', { guest: guest(NOW + 20) }))
    dropGuests(ring, NOW + 10)
    expect(lane.heads).toHaveLength(2)
    dropGuests(ring, NOW + 20)
    expect(lane.heads.map(({ jobId }) => jobId)).toEqual(['own'])
    expect(ring.guests.size).toBe(0)
  })

  it('that does not fit into memory is forgotten, and not taken to stand behind it', () => {
    const crowd = Array.from({ length: 200 }, (_, i) => aHead(`own${String(i).padStart(3, '0')}`))
    const ring = aRing({ ada: crowd }, 'spare')
    const lane = laneIn(ring, { tier: 'high', owner: 'ada' })
    heard(ring, lane, aHead('z', { guest: guest(NOW + 10) }))
    expect([lane.heads.length, lane.beyond]).toEqual([200, 0])
    heard(ring, lane, aHead('zz', { guest: guest(NOW + 10) }))
    expect([lane.heads.length, lane.beyond]).toEqual([200, 0])
  })
})

describe('a fallback in the settings', () => {
  it.each([
    [[{ pool: 'nowhere', model: 'b' }], 'kinds.roaming.fallback.0.pool: no pool is named nowhere'],
    [[{ pool: 'main', model: 'b' }], "kinds.roaming.fallback.0.pool: main is the kind's own pool: name another one"],
    [[SPARE, SPARE], 'kinds.roaming.fallback.1.pool: spare is named before: once is enough'],
  ])('that cannot be is refused with its mend: %j', (fallback, fault) => {
    expect(settings(fallback)).toEqual({ ok: false, faults: [fault] })
  })
})
