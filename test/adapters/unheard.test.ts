import type { LambdaClient } from '@aws-sdk/client-lambda'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import { lambdaWaker } from '../../adapters/lambda/waker.ts'
import { sqsJobQueue } from '../../adapters/sqs/job-queue.ts'
import type { JobMessage } from '../../services/ports.ts'
import { World } from '../support/world.ts'

class Denied extends Error {
  override name = 'AccessDenied'
}
const denied = async () => {
  throw new Denied('of this role')
}
const messages: JobMessage[] = [1, 2, 3].map((sentAt) => ({ pool: 'main', sentAt, jobs: [] }))
const queueOf = (send: unknown) => sqsJobQueue({ client: { send } as unknown as SQSClient, queueUrl: 'q' })

describe('a queue that takes nothing', () => {
  it('is told with its error', async () => {
    expect(await queueOf(denied).send({ messages })).toEqual({ failed: messages, why: expect.any(Denied) })
  })

  it('is told where it refuses some of them, with the code of the first', async () => {
    const some = async () => ({ Failed: [{ Id: '1', Code: 'InternalError' }] })
    expect(await queueOf(some).send({ messages })).toMatchObject({
      failed: [messages[1]],
      why: { name: 'NotTaken', code: 'InternalError' },
    })
  })

  it('is heard of by operators at every send', async () => {
    const world = new World()
    world.dispatcher = () => ({ ...world.api, queue: queueOf(denied) })
    await world.submit()
    await world.until(() => world.counted('SendsRefused') > 2)
    expect(world.lines[0]).toMatchObject({
      what: 'SendsRefused',
      facts: { pool: 'main', messages: '1', error: 'AccessDenied' },
    })
  })
})

it('a wake that is refused is heard of by operators, and breaks nothing', async () => {
  const world = new World()
  const client = { send: denied } as unknown as LambdaClient
  await lambdaWaker({ ...world.api, client, functionName: 'f' }).wake({ pool: 'main' })
  expect(world.counted('WakesFailed')).toBe(1)
  expect(world.lines).toMatchObject([{ what: 'WakesFailed', facts: { pool: 'main', error: 'AccessDenied' } }])
})
