/** What EventBridge Scheduler and an asynchronous invocation are in AWS: the dispatcher every minute, and when woken. */
import type { Context } from 'aws-lambda'
import type { DispatchEvent } from '../lambdas/dispatcher.ts'
import type { Waker } from '../services/ports.ts'

const EVERY_MS = 60_000

export class LocalDispatching implements Waker {
  private handler: ((event: DispatchEvent, context: Context) => Promise<unknown>) | undefined
  private context: ((name: string) => Context) | undefined
  private timer: NodeJS.Timeout | undefined
  private readonly running = new Set<Promise<unknown>>()

  start(
    handler: (event: DispatchEvent, context: Context) => Promise<unknown>,
    context: (name: string) => Context,
  ): void {
    this.handler = handler
    this.context = context
    this.timer = setInterval(() => this.invoke({}), EVERY_MS)
    this.invoke({})
  }

  async wake({ pool }: { pool: string }): Promise<void> {
    this.invoke({ pool })
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.handler = undefined
    await Promise.all(this.running)
  }

  private invoke(event: DispatchEvent): void {
    if (!this.handler || !this.context) return
    const run: Promise<unknown> = this.handler(event, this.context('dispatcher'))
      .catch((error: unknown) => process.stderr.write(`dispatcher: ${(error as Error).message}\n`))
      .finally(() => this.running.delete(run))
    this.running.add(run)
  }
}
