/** The AI SDK's provider objects, one for each pool's settings and key. They hold connections' settings, no state. */
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV3 } from '@ai-sdk/provider'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { maximumField } from '../../core/accounting.ts'
import type { PoolSettings } from '../../core/settings.ts'
import { send } from './sending.ts'

type Pool = Pick<PoolSettings, 'provider' | 'accounting'>
type ModelOf = (model: string) => LanguageModelV3

/** One entry for each setting: a new key takes the old one's place, so that the cache cannot grow with rotations. */
export function modelCache(): (pool: Pool, key: string | undefined) => ModelOf {
  const built = new Map<string, { key: string | undefined; modelOf: ModelOf }>()
  return (pool, key) => {
    const id = JSON.stringify([pool.provider, pool.accounting])
    const found = built.get(id)
    if (found && found.key === key) return found.modelOf
    const modelOf = keeping(build(pool, key))
    built.set(id, { key, modelOf })
    return modelOf
  }
}

/** One object for each model that the settings name: each builds schemas of its own, which takes longer than its call. */
function keeping(make: ModelOf): ModelOf {
  const made = new Map<string, LanguageModelV3>()
  return (model) => {
    const known = made.get(model) ?? make(model)
    made.set(model, known)
    return known
  }
}

function build(pool: Pool, key: string | undefined): ModelOf {
  const { provider } = pool
  const shared = { fetch: send, ...(key === undefined ? {} : { apiKey: key }) }
  switch (provider.kind) {
    case 'openai-compatible':
      return createOpenAICompatible({
        ...shared,
        name: 'openai-compatible',
        baseURL: provider.baseUrl,
        transformRequestBody: ({ max_tokens, ...body }) => ({ ...body, [maximumField(pool)]: max_tokens }),
      })
    case 'anthropic':
      return createAnthropic({ ...shared, ...(provider.baseUrl && { baseURL: provider.baseUrl }) })
    case 'bedrock':
      return bedrock(provider.region)
  }
}

/**
 * Credentials by the AWS chain (environment, profile, SSO, role), renewed before they end: the one that every client of
 * the AWS SDK carries. It is taken from the client that the worker has loaded anyway, since the package behind it
 * is not a dependency of ours. Without a region in the settings the provider reads AWS_REGION itself.
 */
function bedrock(region: string | undefined): ModelOf {
  const where = region === undefined ? {} : { region }
  const { credentials } = new DynamoDBClient(where).config
  return createAmazonBedrock({ ...where, fetch: send, credentialProvider: () => credentials() })
}
