/** One request for a chat completion, from its slot to the first of its answer; what became of it as a value. */
import { UnsupportedFunctionalityError } from '@ai-sdk/provider'
import type { ChatAnswer, ChatCall } from '../../../services/ports.ts'
import { failureAnswer, type Mentionable } from '../failure.ts'
import { type Leaving, leaving } from '../leaving.ts'

/** Who answers in `run` ends the leaving with the last of the answer; where it throws that is done here. */
export async function attempted(
  { body, timeoutMs, gone, nears, begin }: ChatCall,
  never: Mentionable,
  run: (call: Leaving) => Promise<ChatAnswer>,
): Promise<ChatAnswer> {
  const call = leaving({ nears, begin }, timeoutMs, { streams: body.stream === true, gone })
  try {
    return await Promise.race([run(call), call.over])
  } catch (error) {
    call.done()
    if (call.missed()) return { kind: 'missed' }
    // The SDK's own refusal, before anything has left: as of system messages that stand amid the others.
    if (UnsupportedFunctionalityError.isInstance(error))
      return {
        kind: 'unsupported',
        at: 'messages',
        message: `${error.functionality} cannot be sent to this model's provider.`,
      }
    const request = { model: body.model, timeoutMs }
    const said = failureAnswer({ error, timedOut: call.signal.aborted, request, never })
    return { kind: 'failed', sent: call.left(), said }
  }
}

/** In one piece, as it came. */
export async function* whole<T>(text: string, usage: T): AsyncGenerator<Uint8Array, T, undefined> {
  yield new TextEncoder().encode(text)
  return usage
}
