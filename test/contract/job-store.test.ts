import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { Queued, Running } from '../../core/job.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aDraft, aKey, anEnd, anInput, aQueued, aRunning, JOB, LANE, NOW } from '../support/records.ts'
import { theOne } from './outcomes.ts'

const many = Array.from({ length: 20 }, (_, i) => i)

describe('a job in its parts', () =>
  onEveryEngine((on) => {
    it('is created once, and a second creation is shown the first input', async () => {
      const { jobs } = on()
      expect(await jobs.create({ input: anInput() })).toEqual({ kind: 'created' })
      expect(await jobs.create({ input: anInput({ hash: 'another', input: 'other' }) })).toEqual({
        kind: 'exists',
        input: anInput(),
      })
      expect((await jobs.load({ jobId: JOB, now: NOW }))?.input).toEqual(anInput())
    })

    it('is created with its first record among many at once, more than a batch of writes holds', async () => {
      const { jobs } = on()
      const ids = Array.from({ length: 60 }, (_, i) => `job-${String(i).padStart(2, '0')}`)
      await jobs.createFresh({ inputs: ids.map((jobId) => anInput({ jobId })) })
      await jobs.enterAll({ records: ids.map((jobId) => aQueued({ key: aKey({ jobId }) })) })
      const { records } = await jobs.lane({ lane: LANE, limit: 100 })
      expect(records.map((r) => r.key.jobId)).toEqual(ids)
      for (const jobId of ids) expect((await jobs.load({ jobId, now: NOW }))?.input).toEqual(anInput({ jobId }))
    })

    it('is created among many, each answered in its place: new, there before, there twice', async () => {
      const { jobs } = on()
      const old = anInput({ jobId: 'job-30' })
      await jobs.create({ input: old })
      const ids = Array.from({ length: 60 }, (_, i) => `job-${i}`)
      const inputs = [...ids, 'job-5'].map((jobId, i) => anInput({ jobId, hash: `hash-${i}` }))
      const answers = await jobs.createAll({ inputs })
      expect(answers.flatMap((a, i) => (a.kind === 'exists' && i !== 5 ? [i] : []))).toEqual([30, 60])
      expect(answers[30]).toEqual({ kind: 'exists', input: old })
      // Of twins any one is the first.
      const [one, two] = [inputs[5], inputs[60]]
      expect([answers[5], answers[60]]).toContainEqual({ kind: 'created' })
      const { input } = (await jobs.load({ jobId: 'job-5', now: NOW })) as { input: unknown }
      expect([one, two]).toContainEqual(input)
      expect([answers[5], answers[60]]).toContainEqual({ kind: 'exists', input })
    })

    it('enters with many, and those that had entered stay as they are', async () => {
      const { jobs } = on()
      const records = ['a', 'b', 'c'].map((jobId) => aQueued({ key: aKey({ jobId }) }))
      const [first] = records as [Queued]
      await jobs.enter({ record: first })
      const claimed = await jobs.claim({ key: first.key, fence: 0, nonce: 'n', leaseUntil: NOW + 1_000, now: NOW })
      await jobs.enterAll({ records })
      expect(await jobs.live({ keys: records.map((r) => r.key) })).toEqual([
        (claimed as { record: Running }).record,
        ...records.slice(1),
      ])
    })

    it('is created by exactly one of twenty at once', async () => {
      const { jobs } = on()
      const inputs = many.map((i) => anInput({ hash: `hash-${i}` }))
      const outcomes = await Promise.all(inputs.map((input) => jobs.create({ input })))
      const winner = theOne(outcomes, (o) => o.kind === 'created')
      const first = inputs[winner]
      expect(outcomes.filter((o) => o.kind === 'exists')).toEqual(Array(19).fill({ kind: 'exists', input: first }))
    })

    it.each([
      ['numbers beyond what a table holds', { huge: 1e300, tiny: 5e-324, long: 2 ** 60, zero: 0 }],
      ['names of every sort', JSON.parse('{"": 1, "__proto__": 2, "#a.b": 3, "pk": 4, "$bytes": "aGk="}')],
      ['forty levels', JSON.parse('['.repeat(40) + ']'.repeat(40))],
      ['nothing much', { none: null, no: false, empty: '', list: [] }],
      ['half a character', { cut: '\ud83d' }],
    ])('gives content back as it was given: %s', async (_, content) => {
      const { jobs } = on()
      await jobs.create({ input: anInput({ input: content }) })
      expect((await jobs.load({ jobId: JOB, now: NOW }))?.input.input).toStrictEqual(content)
    })

    it('keeps what was written, whatever the writer does to its copy afterwards', async () => {
      const { jobs } = on()
      const input = anInput({ input: { to: 'Grace' } })
      const record = aQueued({ errors: [{ at: NOW, class: 'timeout', message: 'was slow' }] })
      await jobs.create({ input })
      await jobs.enter({ record })
      ;(input.input as { to: string }).to = 'Ada'
      record.errors.pop()
      expect((await jobs.load({ jobId: JOB, now: NOW }))?.input.input).toEqual({ to: 'Grace' })
      expect((await jobs.live({ keys: [record.key] }))[0]?.errors).toHaveLength(1)
    })

    it('is absent from the moment its input expires, and until then it is there', async () => {
      const { jobs } = on()
      await jobs.create({ input: anInput({ expiresAt: NOW + 10 }) })
      expect(await jobs.load({ jobId: JOB, now: NOW + 9 })).toBeDefined()
      expect(await jobs.load({ jobId: JOB, now: NOW + 10 })).toBeUndefined()
      expect(await jobs.load({ jobId: 'never-submitted', now: NOW })).toBeUndefined()
    })

    it('shows of several drafts the newest that has not expired', async () => {
      const { jobs } = on()
      await jobs.create({ input: anInput() })
      for (const version of [1, 2, 10]) {
        const draft = aDraft({ version, expiresAt: NOW + 100 - version })
        const from = aRunning({ fence: version })
        await on().plant('live', liveItem(from))
        const to = aQueued({ fence: version + 1, key: aKey({ at: NOW + version }) })
        expect(await jobs.transition({ from, to, draft })).toBe('done')
      }
      expect((await jobs.load({ jobId: JOB, now: NOW }))?.draft?.version).toBe(10)
      expect((await jobs.load({ jobId: JOB, now: NOW + 90 }))?.draft?.version).toBe(2)
    })

    it('ends without ever having entered, once', async () => {
      const { jobs } = on()
      await jobs.create({ input: anInput() })
      expect(await jobs.endUnentered({ key: aKey(), end: anEnd({ outcome: 'cancelled' }) })).toBe('done')
      expect(await jobs.endUnentered({ key: aKey(), end: anEnd({ outcome: 'expired' }) })).toBe('stale')
      expect((await jobs.load({ jobId: JOB, now: NOW }))?.end?.outcome).toBe('cancelled')
    })

    it('does not end as if it had never entered once it has, or has moved on', async () => {
      const { jobs } = on()
      const unentered = { key: aKey(), end: anEnd({ outcome: 'cancelled' }) }
      await on().plant('live', liveItem(aRunning()))
      expect(await jobs.endUnentered(unentered)).toBe('stale')
      const moved = aQueued({ key: aKey({ at: NOW + 1_000 }), fence: 2 })
      await jobs.transition({ from: aRunning(), to: moved })
      expect(await jobs.endUnentered(unentered)).toBe('stale')
      expect(await jobs.live({ keys: [moved.key] })).toEqual([moved])
    })
  }))

describe('entering a lane', () =>
  onEveryEngine((on) => {
    it('happens once, and leaves alone what stands there', async () => {
      const { jobs } = on()
      expect(await jobs.enter({ record: aQueued() })).toBe('entered')
      expect(await jobs.enter({ record: aQueued({ tokens: 1 }) })).toBe('present')
      expect(await jobs.live({ keys: [aKey()] })).toEqual([aQueued()])
    })

    it('is done by exactly one of twenty at once', async () => {
      const { jobs } = on()
      const records = many.map((i) => aQueued({ tokens: i }))
      const outcomes = await Promise.all(records.map((record) => jobs.enter({ record })))
      const winner = theOne(outcomes, (o) => o === 'entered')
      expect(await jobs.live({ keys: [aKey()] })).toEqual([records[winner]])
    })

    it('finds the place taken by a record that does not parse, and leaves it to people', async () => {
      const { jobs } = on()
      await on().plant('live', { ...liveItem(aQueued()), v: 99 })
      const before = await on().everything()
      expect(await jobs.enter({ record: aQueued() })).toBe('present')
      expect(await jobs.reenter({ record: aQueued() })).toBe('present')
      expect(await on().everything()).toEqual(before)
    })

    it('again makes good a first record that never came, and is content with one that stands', async () => {
      const { jobs } = on()
      expect(await jobs.reenter({ record: aQueued() })).toBe('entered')
      expect(await jobs.reenter({ record: aQueued() })).toBe('present')
    })

    it('again revives neither a job that has moved nor one that has ended', async () => {
      const { jobs } = on()
      const moved = aQueued({ key: aKey({ at: NOW + 1_000 }), fence: 2 })
      await on().plant('live', liveItem(aRunning()))
      await jobs.transition({ from: aRunning(), to: moved })
      expect(await jobs.reenter({ record: aQueued() })).toBe('gone')
      await jobs.endUnentered({ key: aKey({ jobId: 'job-2' }), end: anEnd({ jobId: 'job-2' }) })
      expect(await jobs.reenter({ record: aQueued({ key: aKey({ jobId: 'job-2' }) }) })).toBe('gone')
      expect(await jobs.live({ keys: [aKey(), aKey({ jobId: 'job-2' }), moved.key] })).toEqual([
        undefined,
        undefined,
        moved,
      ])
    })
  }))

describe('reading by key', () =>
  onEveryEngine((on) => {
    it('answers in the order asked, for none, for one, and for more than a batch holds', async () => {
      const { jobs } = on()
      const records = Array.from({ length: 230 }, (_, i) => aQueued({ key: aKey({ jobId: `job-${i}` }), tokens: i }))
      await Promise.all(records.map((record) => jobs.enter({ record })))
      const keys = records.map((r) => r.key).reverse()
      expect(await jobs.live({ keys: [] })).toEqual([])
      expect(await jobs.live({ keys: [aKey({ jobId: 'nobody' })] })).toEqual([undefined])
      const found = await jobs.live({ keys: [aKey({ jobId: 'nobody' }), ...keys] })
      expect(found).toEqual([undefined, ...records.reverse()])
    })
  }))
