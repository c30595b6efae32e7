import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, vi } from 'vitest'
import { fromEnvironment, publisherFromEnvironment } from '../../lambdas/shared/compose.ts'

/** Takes every request and says nothing. Answers how often each service was asked. */
async function silence() {
  const asked = new Map<string, number>()
  const server = createServer(({ headers, url }) => {
    const what = String(headers['x-amz-target'] ?? url?.split('/')[1])
    asked.set(what, (asked.get(what) ?? 0) + 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { asked, endpoint: `http://127.0.0.1:${port}`, close }
}

it('every AWS service that says nothing is asked four times, and given up', { timeout: 60_000 }, async () => {
  const { asked, endpoint, close } = await silence()
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    FAIRLEAD_QUEUE_URL: `${endpoint}/queue`,
    FAIRLEAD_DISPATCHER: 'dispatcher',
  }))
    vi.stubEnv(name, value)
  const deps = fromEnvironment()
  const pool = { provider: { kind: 'openai-compatible', baseUrl: endpoint, keyVariable: 'A_KEY' } }
  const request = { pool, nears: async () => false, begin: async () => false, prompt: '' } as never
  await Promise.allSettled([
    deps.queue.send({ messages: [{ pool: 'main', sentAt: 0, jobs: [] }] }),
    deps.waker.wake({ pool: 'main' }),
    deps.model.call(request),
    deps.capacity.stopped({ pool: 'main' }),
    publisherFromEnvironment().events.publish({ events: [{ jobId: 'a-job', outcome: 'succeeded', endedAt: 0 }] }),
  ])
  close()
  expect(Object.fromEntries(asked)).toEqual({
    'AmazonSQS.SendMessageBatch': 4,
    '2015-03-31': 4,
    'secretsmanager.GetSecretValue': 4,
    'DynamoDB_20120810.GetItem': 4,
    'AWSEvents.PutEvents': 4,
  })
})
