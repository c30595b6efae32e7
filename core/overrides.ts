/**
 * Settings of a pool that were changed while it runs: laid over the configuration's, field by field, until they are taken
 * away again. Only what the configuration has can be changed: of what it does not limit nothing was counted (but calls in
 * flight, which always are), and of what it names (provider, window, guard) every ledger and key is made.
 */
import * as z from 'zod'
import { People, PoolSettings } from './settings.ts'

const { requests, tokens, inputTokens, outputTokens, concurrency, day, pacing, order, tiers, settleMarginMs } =
  PoolSettings.shape

const notWhileRunning = (issue: { code?: string; keys?: string[] }): string | undefined =>
  issue.code === 'unrecognized_keys'
    ? `${issue.keys?.join(', ')} cannot be changed while the pool runs: change it in the configuration, and deploy`
    : undefined
const some = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: notWhileRunning })
const { requests: inDay, tokens: tokensInDay } = day.unwrap().shape
const { max, reserve, perPerson, maxOutputTokens } = People.shape
const { open, calls } = perPerson.unwrap().shape
const weights = tiers.unwrap().shape

/** A JSON merge patch (RFC 7396) of what can be changed: null takes a change away. */
export const PoolPatch = some({
  requests: requests.nullable(),
  tokens: tokens.nullable(),
  inputTokens: inputTokens.nullable(),
  outputTokens: outputTokens.nullable(),
  day: some({ requests: inDay.nullable(), tokens: tokensInDay.nullable() }).nullish(),
  concurrency: concurrency.nullable(),
  pacing: pacing.unwrap().nullish(),
  order: order.unwrap().nullish(),
  tiers: some({
    high: weights.high.nullish(),
    medium: weights.medium.nullish(),
    low: weights.low.nullish(),
  }).nullish(),
  people: some({
    max: max.unwrap().nullish(),
    reserve: reserve.unwrap().nullish(),
    perPerson: some({ open: open.unwrap().nullish(), calls: calls.unwrap().nullish() }).nullish(),
    maxOutputTokens: maxOutputTokens.unwrap().nullish(),
  }).nullish(),
  settleMarginMs: settleMarginMs.unwrap().nullish(),
})
export type PoolPatch = z.infer<typeof PoolPatch>

type Fields = Readonly<Record<string, unknown>>
export const CHANGEABLE = Object.keys(PoolPatch.shape) as (keyof PoolPatch)[]

const Changed = z.object({ at: z.number(), by: z.string() })
export type Changed = z.infer<typeof Changed>

/** One record per pool: what is laid over, and who changed each of it when. */
export const Overrides = z.object({
  v: z.literal(1),
  /** Raised by every change. 0: there was none. */
  version: z.number(),
  fields: z.record(z.string(), z.unknown()),
  changed: z.record(z.string(), Changed),
})
export type Overrides = z.infer<typeof Overrides>
export const NO_OVERRIDES: Overrides = { v: 1, version: 0, fields: {}, changed: {} }

export interface InForce {
  readonly settings: PoolSettings
  /** As far as they are in force. */
  readonly overrides: Overrides
  /** What of the overrides holds no longer, as today's configuration has it: where, and why. */
  readonly ignored: readonly string[]
}

/** A field that cannot be laid over the configuration, and why not. */
export interface Fault {
  readonly at: string
  readonly message: string
}

/** The settings in force. What is wrong is left out, field by field, and said: an old change never stops a pool. */
export function inForce(file: PoolSettings, overrides: Overrides): InForce {
  const ignored: string[] = []
  let fields: Fields = overrides.fields
  for (;;) {
    const laid = laidOver(file, fields)
    if (laid.ok) return { settings: laid.settings, overrides: { ...overrides, fields }, ignored }
    for (const { at, message } of laid.faults) ignored.push(`${at}: ${message}`)
    const wrong = laid.faults.map(({ at }) => at.split('.')[0])
    const kept = Object.entries(fields).filter(([name]) => !wrong.includes(name))
    fields = kept.length < Object.keys(fields).length ? Object.fromEntries(kept) : {}
  }
}

/** The configuration's settings with these fields over them, or what is wrong with those. */
export function laidOver(
  file: PoolSettings,
  fields: Fields,
): { ok: true; settings: PoolSettings } | { ok: false; faults: readonly Fault[] } {
  if (Object.keys(fields).length === 0) return { ok: true, settings: file }
  const known = PoolPatch.safeParse(fields)
  if (!known.success) return { ok: false, faults: known.error.issues.flatMap(faultsOf) }
  const added = notInFile(file, fields)
  if (added.length > 0) return { ok: false, faults: added }
  const parsed = PoolSettings.safeParse(mergePatch(file, fields))
  return parsed.success
    ? { ok: true, settings: parsed.data }
    : { ok: false, faults: parsed.error.issues.flatMap(faultsOf) }
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.map(String)
  const names = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
  return names.map((name) => ({
    at: [...path, ...(name === undefined ? [] : [name])].join('.'),
    message: issue.message,
  }))
}

const COUNTED = ['requests', 'tokens', 'inputTokens', 'outputTokens', 'day', 'people'] as const

/** Limits that the configuration does not have: nothing of them was counted, so nothing could be promised of them. */
function notInFile(file: PoolSettings, fields: Fields): Fault[] {
  const missing: string[] = COUNTED.filter((name) => name in fields && file[name] === undefined)
  const inDay = fields['day'] as Fields | undefined
  for (const name of ['requests', 'tokens'] as const)
    if (file.day && inDay && name in inDay && file.day[name] === undefined) missing.push(`day.${name}`)
  return missing.map((at) => ({
    at,
    message: 'the configuration has none, so it cannot be changed while the pool runs: add it there, and deploy',
  }))
}

const isObject = (x: unknown): x is Fields => typeof x === 'object' && x !== null && !Array.isArray(x)

/** RFC 7396; what is left empty by it is gone as well. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    const next = value === null ? undefined : mergePatch(merged[name], value)
    if (next === undefined || (isObject(next) && Object.keys(next).length === 0)) delete merged[name]
    else merged[name] = next
  }
  return merged
}

/** The next record: the patch laid over the last one's fields, and by whom what was changed. */
export function patched(old: Overrides, patch: PoolPatch, by: Changed): Overrides {
  const fields = mergePatch(old.fields, patch) as Fields
  const changed = Object.keys(fields).map((name) => [name, name in patch ? by : (old.changed[name] ?? by)] as const)
  return { v: 1, version: old.version + 1, fields, changed: Object.fromEntries(changed) }
}
