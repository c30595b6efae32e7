/** What a provider that did not answer a person's call said, as a refusal to that person. */
import { classify } from '../../core/retry.ts'
import type { ChatAnswer } from '../ports.ts'
import { type Refusal, refuse } from '../refusal.ts'

type Said = Extract<ChatAnswer, { kind: 'failed' }>['said']

export function refusalFor(said: Said): Refusal {
  switch (said.kind) {
    case 'refusal':
      return refuse('provider-refused', `The provider refused this prompt: ${said.text}`, 'Ask for something else.')
    case 'timeout':
      return refuse('provider-timeout', `The provider gave ${said.message}.`, 'Ask for less output, or stream it.')
    case 'unconfigured':
      return refuse('provider-config', `The provider cannot be called: ${said.message}.`, OPERATOR)
    case 'error':
      return failed(said)
  }
}

const OPERATOR = 'Whoever runs Fairlead has to mend this.'
/** Where the provider does not say when to come back. */
const RETRY_AFTER_S = 5

function failed(said: Extract<Said, { kind: 'error' }>): Refusal {
  const detail = `${said.message.charAt(0).toUpperCase()}${said.message.slice(1)}.`
  switch (classify(said)) {
    case 'rate-limited': {
      const retryAfterS = said.retryAfterMs === undefined ? RETRY_AFTER_S : Math.ceil(said.retryAfterMs / 1_000)
      return refuse('provider-limited', detail, 'Wait as long as Retry-After says.', { retryAfterS })
    }
    case 'provider-config':
      return refuse('provider-config', detail, OPERATOR)
    case 'bad-request':
    case 'refusal':
    case 'too-large':
      return refuse('provider-refused', detail, 'Change the request as it says.')
    case 'timeout':
    case 'overloaded':
    case 'server':
    case 'network':
      return refuse('provider-failed', detail, 'Ask again.')
  }
}
