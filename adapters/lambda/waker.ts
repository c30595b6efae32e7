/** Wakes the dispatcher by an asynchronous invocation. If that fails, the schedule's next minute does it. */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { tellBroken } from '../../services/broken.ts'
import type { Deps } from '../../services/deps.ts'
import type { Waker } from '../../services/ports.ts'

export function lambdaWaker(p: Pick<Deps, 'meter' | 'log'> & { client: LambdaClient; functionName: string }): Waker {
  return {
    async wake({ pool }) {
      const Payload = new TextEncoder().encode(JSON.stringify({ pool }))
      await p.client
        .send(new InvokeCommand({ FunctionName: p.functionName, InvocationType: 'Event', Payload }))
        .catch((error: unknown) => tellBroken(p, 'WakesFailed', error, { pool }))
    },
  }
}
