/** A provider of chat completions in virtual time: it answers as its script says, and notes what reached it. */
import type { ChatBody } from '../../core/chat.ts'
import type { Usage } from '../../core/job.ts'
import type { ChatAnswer, ChatCall, ChatPort, Clock } from '../../services/ports.ts'

export type ChatReply =
  | { readonly says: readonly string[]; readonly everyMs?: number; readonly usage?: Usage | undefined }
  | Exclude<ChatAnswer, { kind: 'answers' }>
  /** The process that called is gone. */
  | 'dies'

export class FakeChat implements ChatPort {
  readonly calls: { readonly at: number; readonly body: ChatBody }[] = []
  /** When whoever asked went away. */
  readonly left: number[] = []
  script: (nth: number) => ChatReply = () => ({ says: ['hello'], usage: { inputTokens: 5, outputTokens: 2 } })
  /** What the n-th connection takes. */
  connectMs: (nth: number) => number = () => 0
  private connections = 0

  constructor(private readonly clock: Clock) {}

  async call({ nears, begin, body, gone }: ChatCall): Promise<ChatAnswer> {
    gone.addEventListener('abort', () => this.left.push(this.clock.now()))
    if (!(await nears())) return { kind: 'missed' }
    await this.pass(this.connectMs(++this.connections))
    if (!(await begin())) return { kind: 'missed' }
    const nth = this.calls.push({ at: this.clock.now(), body })
    const reply = this.script(nth)
    if (reply === 'dies') return new Promise(() => undefined)
    if ('kind' in reply) return reply
    return { kind: 'answers', contentType: 'text/event-stream', headers: {}, chunks: this.said(reply, gone) }
  }

  private async *said({ says, everyMs = 0, usage }: Extract<ChatReply, { says: unknown }>, gone: AbortSignal) {
    for (const text of says) {
      await this.pass(everyMs)
      if (gone.aborted) return undefined
      yield new TextEncoder().encode(text)
    }
    return usage
  }

  private pass(ms: number): Promise<void> | undefined {
    return ms > 0 ? this.clock.until(this.clock.now() + ms) : undefined
  }
}
