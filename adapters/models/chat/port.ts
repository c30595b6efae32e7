/**
 * The chat port: to a provider that speaks OpenAI's protocol the request goes on as it came, under the pool's key; for the
 * others the AI SDK translates. It never retries, follows no redirect, and logs nothing.
 */

import type { ChatPort } from '../../../services/ports.ts'
import { needsKey, readKey } from '../key.ts'
import { modelCache } from '../providers.ts'
import { proxied } from './proxy.ts'
import { translated } from './translated.ts'

/** `key` answers the value of a variable that `keyVariable` names; `now` is needed for a `retry-after` given as a date. */
export function providerChat(p: {
  key: (variable: string) => Promise<string | undefined>
  now: () => number
}): ChatPort {
  const modelOf = modelCache()
  return {
    call: async (call) => {
      const { provider } = call.pool
      const read = needsKey(provider) ? await readKey(provider.keyVariable, p.key) : undefined
      if (read && read.kind !== 'key') return { kind: 'failed', sent: false, said: read }
      // What a provider quotes of the prompt goes back to whoever wrote it, and nowhere else.
      const never = { provider, key: read?.key, content: [], now: p.now }
      if (provider.kind === 'openai-compatible') return proxied(call, provider.baseUrl, never)
      return translated(call, () => modelOf(call.pool, read?.key)(call.body.model), never)
    },
  }
}
