import { describe, expect, it } from 'vitest'
import {
  assertEdge,
  carry,
  EDGES,
  ERROR_MESSAGE_LENGTH,
  ERRORS_KEPT,
  IllegalEdge,
  isLegal,
  type JobError,
  type JobInput,
  type JobState,
  LiveRecord,
  OUTCOMES,
  presentKey,
  withError,
} from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { aJob, NOW } from '../support/builders.ts'

/** Written down once more, so that a slip in the table does not pass as its own proof. */
const DRAWN = new Set([
  'queued > running',
  'queued > cancelled',
  'running > running',
  'running > queued',
  'running > in-review',
  'running > succeeded',
  'running > failed',
  'running > cancelled',
  'running > expired',
  'in-review > queued-approved',
  'in-review > rejected',
  'in-review > cancelled',
  'queued-approved > succeeded',
  'failed > queued',
])
const STATES = Object.keys(EDGES) as JobState[]
const PAIRS = STATES.flatMap((from) => STATES.map((to) => ({ from, to })))

describe("a job's states", () => {
  it.each(PAIRS.filter(({ from, to }) => DRAWN.has(`${from} > ${to}`)))('may go from $from to $to', ({ from, to }) => {
    expect(isLegal(from, to)).toBe(true)
    expect(() => assertEdge(from, to)).not.toThrow()
  })

  it.each(PAIRS.filter(({ from, to }) => !DRAWN.has(`${from} > ${to}`)))(
    'refuse to go from $from to $to',
    ({ from, to }) => {
      expect(isLegal(from, to)).toBe(false)
      expect(() => assertEdge(from, to)).toThrow(IllegalEdge)
    },
  )

  it('lead nowhere from an end, except that a failed job may be queued again', () => {
    for (const end of OUTCOMES) expect(EDGES[end]).toEqual(end === 'failed' ? ['queued'] : [])
  })

  it('never pass from a draft under review to its success without an approval', () => {
    expect(isLegal('in-review', 'succeeded')).toBe(false)
    expect(STATES.filter((from) => isLegal(from, 'queued-approved'))).toEqual(['in-review'])
  })

  it('say in the refusal which step was refused', () => {
    const error = new IllegalEdge('succeeded', 'running')
    expect(error).toMatchObject({ code: 'illegal-edge', from: 'succeeded', to: 'running' })
    expect(error.message).toBe('a job may not go from succeeded to running')
  })
})

/** As DynamoDB counts: names and texts in UTF-8, a number by its pairs of digits, a list or map by 3 and 1 for each. */
function storedBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'number') return Math.ceil(String(value).length / 2) + 1
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + 1 + storedBytes(one), 3)
  return Object.entries(value as object).reduce((sum, [name, one]) => sum + 1 + name.length + storedBytes(one), 3)
}

describe('the errors kept with a job', () => {
  const error = (n: number) => ({ at: NOW + n, class: 'server', message: `error ${n}` })

  it('are the newest ones', () => {
    const kept = [1, 2, 3, 4, 5, 6].reduce((errors, n) => withError(errors, error(n)), withError([], error(0)))
    expect(kept.map((e) => e.message)).toEqual(['error 3', 'error 4', 'error 5', 'error 6'])
    expect(kept).toHaveLength(ERRORS_KEPT)
  })

  it('have their message cut, and leave the list they were added to as it was', () => {
    const before: [] = []
    expect(withError(before, { ...error(0), message: 'x'.repeat(1000) })[0]?.message).toHaveLength(ERROR_MESSAGE_LENGTH)
    expect(before).toEqual([])
  })

  it('leave a live record of an ordinary owner under the 1 KB up to which a write costs one unit', () => {
    const errors = Array.from({ length: 9 }, (_, n) => ({
      ...error(n),
      class: 'provider-config',
      status: 429,
      message: 'x'.repeat(500),
    }))
    const job = aJob({
      errors: errors.reduce<JobError[]>(withError, []),
      tokens: 200_000,
      inputTokens: 190_000,
      owner: 'someone@example.com',
    })
    const { key, ...rest } = LiveRecord.parse({
      ...job,
      state: 'running',
      nonce: '01JD0000000000000000000000',
      leaseUntil: NOW,
    })
    expect(storedBytes({ pk: key.lane, sk: `${key.at}#01JD0000000000000000000000`, ...rest })).toBeLessThan(1024)
  })
})

describe('a live record', () => {
  it('is read back as what was written, in every state', () => {
    const job = aJob()
    const records: LiveRecord[] = [
      job,
      { ...job, state: 'running', nonce: 'n', leaseUntil: NOW },
      { ...job, state: 'in-review', draftVersion: 1, draftHash: 'h' },
      { ...job, state: 'failed' },
    ]
    for (const record of records) expect(LiveRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record)
  })

  it('is refused when a field of its state is missing', () => {
    expect(LiveRecord.safeParse({ ...aJob(), state: 'running' }).success).toBe(false)
  })

  it('carries over what every state has, and neither lease nor a wish to cancel', () => {
    const job = aJob({ inputTokens: 60, expiresAt: NOW + 1 })
    const carried = carry({ ...job, state: 'running', nonce: 'n', leaseUntil: NOW, cancelRequested: true })
    const { state: _, ...common } = job
    expect(carried).toEqual(common)
  })
})

describe('the present key of a job', () => {
  const key = { lane: laneOf({ pool: 'main', tier: 'high', owner: 'ann' }), at: NOW, jobId: 'j' }
  const input = { key } as JobInput

  it('is its first until it has moved', () => expect(presentKey({ input })).toEqual(key))
  it('is where it moved to afterwards', () =>
    expect(presentKey({ input, at: { ...key, at: NOW + 1 } }).at).toBe(NOW + 1))
})
