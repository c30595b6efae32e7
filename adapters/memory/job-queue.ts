/** A queue in memory: messages carry keys only, so what a crash loses the lanes still hold. */
import type { JobMessage, JobQueue } from '../../services/ports.ts'

export class MemoryJobQueue implements JobQueue {
  private readonly waiting: JobMessage[] = []
  private wake: (() => void) | undefined

  async send({ messages }: { messages: readonly JobMessage[] }): Promise<{ failed: JobMessage[] }> {
    this.waiting.push(...messages)
    this.wake?.()
    return { failed: [] }
  }

  /** Up to ten messages, as soon as there is one or the signal aborts. One receiver at a time. */
  async receive(signal: AbortSignal): Promise<JobMessage[]> {
    if (this.waiting.length === 0 && !signal.aborted) await this.something(signal)
    return this.waiting.splice(0, 10)
  }

  private something(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.wake = undefined
        resolve()
      }
      this.wake = wake
      signal.addEventListener('abort', wake)
    })
  }
}
