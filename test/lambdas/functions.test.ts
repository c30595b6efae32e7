import { marshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { sqsJobQueue } from '../../adapters/sqs/job-queue.ts'
import { dispatcherHandler } from '../../lambdas/dispatcher.ts'
import { publisherHandler } from '../../lambdas/publisher.ts'
import { workerHandler } from '../../lambdas/worker.ts'
import type { EventPort, JobEvent, JobMessage } from '../../services/ports.ts'
import { aContext } from '../support/http.ts'
import { anEnd } from '../support/records.ts'
import { World } from '../support/world.ts'

const sqs = (...bodies: unknown[]): SQSEvent => ({
  Records: bodies.map((body, i) => ({
    messageId: `message-${i}`,
    receiptHandle: `receipt-${i}`,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:eu-west-1:123456789012:fairlead-jobs',
    awsRegion: 'eu-west-1',
  })),
})

describe('the worker', () => {
  async function sent(world = new World()): Promise<{ world: World; id: string; message: JobMessage }> {
    world.wakes = false
    const id = await world.submit()
    const slot = world.now() + 100
    const job = { key: world.live()[0]?.key as never, fence: 0, slot, notAfter: slot + 250 }
    return { world, id, message: { pool: 'main', sentAt: world.now(), jobs: [job] } }
  }

  it('does what its message asks for, and lets it go', async () => {
    const { world, id, message } = await sent()
    const worked = workerHandler(() => world.api)(sqs(message), aContext())
    expect(await world.clock.during(worked)).toEqual({ batchItemFailures: [] })
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it.each([
    ['no JSON', '{'],
    ['no message', 'null'],
    ['a message without jobs', { pool: 'main', sentAt: 1, jobs: [] }],
    [
      'a message of eleven',
      {
        pool: 'main',
        sentAt: 1,
        jobs: Array(11).fill({ key: { lane: 'l', at: 1, jobId: 'j' }, fence: 0, slot: 1, notAfter: 2 }),
      },
    ],
    [
      'a message without a pool',
      { sentAt: 1, jobs: [{ key: { lane: 'l', at: 1, jobId: 'j' }, fence: 0, slot: 1, notAfter: 2 }] },
    ],
    [
      'a job without a slot',
      { pool: 'main', sentAt: 1, jobs: [{ key: { lane: 'l', at: 1, jobId: 'j' }, fence: 0, notAfter: 2 }] },
    ],
  ])('hands back %s, and works on what came with it', async (_, broken) => {
    const { world, id, message } = await sent()
    const worked = workerHandler(() => world.api)(sqs(broken, message), aContext())
    expect(await world.clock.during(worked)).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-0' }] })
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('takes other pools’ jobs as they are sent, in a message that an older worker hands back', async () => {
    const bodies: string[] = []
    const send = async ({ input }: { input: { Entries: { MessageBody: string }[] } }) => {
      bodies.push(...input.Entries.map((entry) => entry.MessageBody))
      return {}
    }
    const queue = sqsJobQueue({ client: { send } as never, queueUrl: 'q' })
    const spare = { provider: { kind: 'bedrock' }, requests: 10, history: 'empty' } as const
    const kinds = { step: { fallback: [{ pool: 'spare', model: 'model-b' }] } }
    const { world, id, message } = await sent(new World({ pools: { spare }, kinds }))
    const fallback = { pool: 'spare', why: 'down' } as const
    await queue.send({
      messages: [message, { ...message, pool: 'spare', jobs: message.jobs.map((job) => ({ ...job, fallback })) }],
    })
    const [own, guests] = bodies.map((body) => JSON.parse(body))
    expect(own).toEqual(message)
    expect(guests).not.toHaveProperty('jobs')
    const worked = workerHandler(() => world.api)(sqs(guests), aContext())
    expect(await world.clock.during(worked)).toEqual({ batchItemFailures: [] })
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', fallback })
  })

  it('fails where it could not ring, so that the message comes back', async () => {
    const { world, message } = await sent()
    const mute = world.process(({ method }) => (method === 'ring' ? 'fails-before' : undefined))
    await expect(world.clock.during(workerHandler(() => mute)(sqs(message), aContext()))).rejects.toThrow('rings.ring')
  })
})

describe('the dispatcher', () => {
  const TWO = {
    pools: { second: { provider: { kind: 'bedrock' }, requests: 100, history: 'empty' } },
    kinds: { nudge: { pool: 'second' } },
  } as const

  it('runs every pool that the configuration has, and says how each ended', async () => {
    const world = new World(TWO)
    world.wakes = false
    const ids = [await world.submit('step'), await world.submit('nudge')]
    const ran = dispatcherHandler(() => world.api)({}, aContext())
    expect(await world.clock.during(ran)).toEqual({ main: 'idle', second: 'idle' })
    for (const id of ids) expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('runs the one pool that it was woken for', async () => {
    const world = new World(TWO)
    const ran = dispatcherHandler(() => world.api)({ pool: 'second' }, aContext())
    expect(await world.clock.during(ran)).toEqual({ second: 'idle' })
  })

  it.each(['gone', 'constructor'])('runs nothing for a pool that is not there (%s)', async (pool) => {
    const world = new World()
    expect(await dispatcherHandler(() => world.api)({ pool }, aContext())).toEqual({})
    expect([...world.tables.all()]).toEqual([])
  })

  it('leaves a pool to who holds it', async () => {
    const world = new World()
    await world.submit()
    await world.pass(1_000)
    expect(await world.clock.during(dispatcherHandler(() => world.api)({}, aContext()))).toEqual({ main: 'taken' })
  })

  it('hands over half a minute before its time is up', async () => {
    const world = new World({ pool: { requests: 60 } })
    world.wakes = false
    await world.submitMany(200)
    const from = world.now()
    const ran = dispatcherHandler(() => world.api)({ pool: 'main' }, aContext(90_000))
    expect(await world.clock.during(ran)).toEqual({ main: 'handed-over' })
    expect(world.now() - from).toBeGreaterThanOrEqual(60_000)
    expect(world.now() - from).toBeLessThan(61_000)
  })

  it('lets go when it is told to stop', async () => {
    const world = new World()
    world.wakes = false
    await world.submitMany(100)
    const stop = new AbortController()
    const ran = dispatcherHandler(() => world.api, stop.signal)({}, aContext())
    await world.pass(2_000)
    stop.abort()
    expect(await world.clock.during(ran)).toEqual({ main: 'stopped' })
  })

  it('goes on with the other pools when one of them breaks, and fails only then', async () => {
    const world = new World(TWO)
    world.wakes = false
    const id = await world.submit('nudge')
    const breaks = world.process(({ method, args }) =>
      method === 'bells' && (args as { pool: string }).pool === 'main' ? 'fails-before' : undefined,
    )
    const ran = dispatcherHandler(() => breaks)({}, aContext())
    await expect(world.clock.during(ran)).rejects.toThrow('rings.bells')
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
    expect(await world.api.capacity.lease({ pool: 'second' })).toMatchObject({ state: 'free' })
  })
})

describe('the publisher', () => {
  const inserted = (
    sequence: string,
    item: Record<string, unknown>,
    eventName: DynamoDBRecord['eventName'] = 'INSERT',
  ): DynamoDBRecord => ({
    eventID: sequence,
    eventName: eventName as 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'eu-west-1',
    dynamodb: {
      Keys: marshall({ pk: item['pk'], sk: item['sk'] }) as never,
      NewImage: marshall(item) as never,
      SequenceNumber: sequence,
      StreamViewType: 'NEW_IMAGE',
    },
    eventSourceARN: 'arn:aws:dynamodb:eu-west-1:123456789012:table/jobs/stream/2030',
  })
  const end = (jobId: string, outcome: 'succeeded' | 'failed' = 'succeeded') => ({
    ...anEnd({ jobId, outcome }),
    pk: jobId,
    sk: 'end',
    ttl: 1,
  })
  function published(failing: string[] = []) {
    const told: JobEvent[] = []
    const events: EventPort = {
      publish: async (p) => {
        told.push(...p.events)
        return { failed: p.events.filter((e) => failing.includes(e.jobId)) }
      },
    }
    const world = new World()
    const handler = publisherHandler(() => ({ ...world.api, events }))
    return {
      world,
      told,
      ask: (...Records: DynamoDBRecord[]) => handler({ Records } as DynamoDBStreamEvent, aContext()),
    }
  }

  it('tells of every end, in order, and of nothing else', async () => {
    const { told, ask } = published()
    const answer = await ask(
      inserted('1', { pk: 'a', sk: 'input', v: 1 }),
      inserted('2', end('a')),
      inserted('3', { pk: 'b', sk: 'at', key: {} }),
      inserted('4', end('b', 'failed')),
      inserted('5', end('c'), 'MODIFY'),
      inserted('5', { pk: 'c', sk: 'at', key: {} }, 'MODIFY'),
      { ...inserted('6', end('d'), 'REMOVE'), dynamodb: { SequenceNumber: '6' } },
    )
    expect(answer).toEqual({ batchItemFailures: [] })
    const { endedAt } = anEnd()
    expect(told).toEqual([
      { jobId: 'a', outcome: 'succeeded', endedAt },
      { jobId: 'b', outcome: 'failed', endedAt },
      // In the place of what an earlier job of its key had left.
      { jobId: 'c', outcome: 'succeeded', endedAt },
    ])
  })

  it('carries nothing of what was asked or answered', async () => {
    const { told, ask } = published()
    await ask(inserted('1', { ...end('a'), result: 'Very Secret' }))
    expect(JSON.stringify(told)).not.toContain('Secret')
  })

  it('has the stream go on from the first that failed', async () => {
    const { ask } = published(['c', 'd'])
    const answer = await ask(
      inserted('1', { pk: 'a', sk: 'input' }),
      inserted('2', end('b')),
      inserted('3', end('c')),
      inserted('4', end('d')),
      inserted('5', end('e')),
    )
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: '3' }] })
  })

  it('asks nobody where nothing has ended', async () => {
    const handler = publisherHandler(() => {
      throw new Error('asked')
    })
    expect(
      await handler({ Records: [inserted('1', { pk: 'a', sk: 'input' })] } as DynamoDBStreamEvent, aContext()),
    ).toEqual({ batchItemFailures: [] })
  })

  it.each([
    ['alone', []],
    ['before one that the bus refuses', ['c']],
  ])('tells the others of an end that does not parse (%s), has it tried again, and says so', async (_, failing) => {
    const { world, told, ask } = published(failing)
    const secret = { pk: 'a', sk: 'end', v: 2, result: 'Very Secret' }
    expect(await ask(inserted('1', end('b')), inserted('2', secret), inserted('3', end('c')))).toEqual({
      batchItemFailures: [{ itemIdentifier: '2' }],
    })
    expect(told).toMatchObject([{ jobId: 'b' }, { jobId: 'c' }])
    expect(world.counted('EndsUnreadable')).toBe(1)
    expect(world.lines).toMatchObject([{ what: 'EndsUnreadable', facts: { jobId: 'a' } }])
    expect(JSON.stringify(world.lines)).not.toContain('Secret')
  })
})
