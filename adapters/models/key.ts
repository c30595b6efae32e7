/** A provider's key: read at every call, so that a new one is used at once. Never cached, logged or shown here. */
import type { ProviderSettings } from '../../core/settings.ts'
import type { Failure } from './failure.ts'

type Keyed = ProviderSettings & { readonly keyVariable: string }

export const needsKey = (provider: ProviderSettings): provider is Keyed =>
  provider.kind !== 'bedrock' && provider.keyVariable !== undefined

/** A character outside these is refused by fetch, in an error that quotes the whole header. */
const SENDABLE = /^[\x21-\x7e]+$/

/** Of the secret, or of the key of KMS that it is encrypted with: asking again mends neither. */
const DENIED = 'AccessDeniedException'
const ALLOWED =
  "the function's role needs secretsmanager:GetSecretValue of its secret, and kms:Decrypt where KMS has its key"

const whereItIs = (variable: string): string =>
  `on one machine an environment variable, in AWS the secret fairlead/<stage>/${variable}`

export async function readKey(
  variable: string,
  key: (variable: string) => Promise<string | undefined>,
): Promise<{ kind: 'key'; key: string } | Failure> {
  let value: string | undefined
  try {
    // A key pasted into a file or a secret brings its line end along.
    value = (await key(variable))?.trim()
  } catch (error) {
    // The name only: what a secret store says about a secret is not ours to repeat.
    const name = error instanceof Error ? error.name : 'an error'
    if (name === DENIED) return { kind: 'unconfigured', message: `let ${variable} be read (${name}): ${ALLOWED}` }
    return { kind: 'error', message: `${variable} could not be read (${name})`, headers: {} }
  }
  if (!value) return { kind: 'unconfigured', message: `set ${variable}: ${whereItIs(variable)}` }
  if (SENDABLE.test(value)) return { kind: 'key', key: value }
  return {
    kind: 'unconfigured',
    message: `set ${variable} again: it holds a blank or a character that no key has; it is ${whereItIs(variable)}`,
  }
}
