/** What a service answers when it will not: a code that programs read, what is wrong, and how to mend it. */
export const REFUSAL_CODES = [
  'invalid-request',
  'unknown-kind',
  'missing-field',
  'scope-missing',
  'owner-not-yours',
  'not-found',
  'key-reused',
  'too-large',
  'larger-than-pool',
  'backlog-full',
  'not-cancellable',
  'not-redrivable',
  'not-in-review',
  'draft-changed',
  'decided-already',
  'bad-cursor',
  'owner-needed',
  'not-shared',
  'permits-open',
  'rate-reached',
  'line-full',
  'not-granted',
  'absurd-usage',
  'if-match-needed',
  'settings-changed',
  'model-unknown',
  'unsupported-field',
  'no-permit-free',
  'provider-refused',
  'provider-limited',
  'provider-config',
  'provider-failed',
  'provider-timeout',
] as const
export type RefusalCode = (typeof REFUSAL_CODES)[number]

export interface Refusal {
  readonly ok: false
  readonly code: RefusalCode
  readonly detail: string
  readonly remedy: string
  /** Where in the request, as a JSON path. */
  readonly at?: string
  readonly retryAfterS?: number
}
export type Answer<T> = ({ readonly ok: true } & T) | Refusal

export const refuse = (
  code: RefusalCode,
  detail: string,
  remedy: string,
  more: { at?: string; retryAfterS?: number } = {},
): Refusal => ({ ok: false, code, detail, remedy, ...more })

/** Another owner's job and no job answer alike, so that ids tell nothing. */
export const noSuchJob = (jobId: string): Refusal =>
  refuse('not-found', `There is no job ${jobId}.`, 'Check the id; a job is kept for the days that retentionDays sets.')
