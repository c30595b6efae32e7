/**
 * Stored shapes to records and back. What is not in a record's schema is not stored; what does not parse is told apart.
 * Nothing here reads or writes a table.
 */
import * as z from 'zod'
import {
  type Draft,
  Draft as DraftSchema,
  End,
  JobInput,
  type JobParts,
  Leader,
  LiveKey,
  LiveRecord,
} from '../core/job.ts'
import { NO_OVERRIDES, Overrides } from '../core/overrides.ts'
import type { LanePage } from '../services/ports.ts'
import { atKey, fromLiveKey, inputKey, type Key, leaderKey, liveKey } from './keys.ts'

export type Item = Key & Record<string, unknown>

export class UnreadableRecord extends Error {
  readonly code = 'unreadable-record'
  constructor(key: Key, cause: unknown) {
    super(`the record ${key.pk} ${key.sk} does not parse: keep it, and mend or delete it by hand`, { cause })
  }
}

export function parseRecord<T>(schema: z.ZodType<T>, item: Item): T {
  const parsed = schema.safeParse(item)
  if (parsed.success) return parsed.data
  throw new UnreadableRecord({ pk: item.pk, sk: item.sk }, parsed.error)
}

/**
 * A record under its key, its own copy. DynamoDB takes valid UTF-8 only: half of a surrogate pair, as cutting a text
 * leaves it or a caller's JSON may hold it, becomes U+FFFD, as in every encoder.
 */
export const stored = (key: Key, record: object): Item => wellFormed({ ...record, ...key }) as unknown as Item

/** Every record that is written passes here, every tick's among them: plain loops, which cost a third of `entries`. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(wellFormed)
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) copy[name] = wellFormed((value as Record<string, unknown>)[name])
  return copy
}

/** A live record's key is its place in the table; it is not stored twice. */
export function liveItem(record: LiveRecord): Item {
  const { key, ...rest } = record
  return stored(liveKey(key), rest)
}
export const fromLiveItem = (item: Item): LiveRecord => parseRecord(LiveRecord, { ...item, key: fromLiveKey(item) })

/** What was read of a lane. One record that does not parse must not hide the others. */
export function lanePage(p: { items: readonly Item[]; more: boolean }): LanePage {
  const records: LiveRecord[] = []
  const unreadable: string[] = []
  let last: LiveKey | undefined
  for (const item of p.items) {
    const key = fromLiveKey(item)
    const isKey = liveKey(key).sk === item.sk
    if (isKey) last = key
    const parsed = LiveRecord.safeParse({ ...item, key })
    if (isKey && parsed.success) records.push(parsed.data)
    else unreadable.push(item.sk)
  }
  return { records, unreadable, more: p.more, ...(last ? { last } : {}) }
}

const secondsOf = (ms: number): number => Math.ceil(ms / 1000)
/** `ttl` (epoch seconds) is DynamoDB's; readers go by `expiresAt`, since its sweep may take days. */
export const expiring = <T extends { expiresAt: number }>(key: Key, record: T): Item =>
  stored(key, { ...record, ttl: secondsOf(record.expiresAt) })

/** Content is kept as JSON text: a map of DynamoDB's knows neither 1e300 nor 33 levels. */
export const inputItem = (input: JobInput): Item =>
  expiring(inputKey(input.jobId), { ...input, input: JSON.stringify(input.input ?? null) })

const Content = z.string().transform((text, ctx): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    ctx.addIssue({ code: 'custom', message: 'is not JSON' })
    return z.NEVER
  }
})
const StoredInput = JobInput.extend({ input: Content })
export const fromInputItem = (item: Item): JobInput => parseRecord<JobInput>(StoredInput, item)

const Stop = z.object({ at: z.number(), line: z.string(), down: z.literal(true).optional() })
export const fromStopItem = (item: Item): z.infer<typeof Stop> => parseRecord(Stop, item)

/** What does not parse changes nothing, under its version where that can be read: a pool never stands still for it. */
export function overridesOf(item: Item | undefined): Overrides {
  const parsed = Overrides.safeParse(item)
  if (!item || parsed.success) return parsed.data ?? NO_OVERRIDES
  const { version } = z.object({ version: z.number().catch(1) }).parse(item)
  return { ...NO_OVERRIDES, version, fields: { [UNREADABLE]: true } }
}
const UNREADABLE = 'the record of its changes'

export const leaderItem = (leader: Leader): Item => expiring(leaderKey(leader.cacheKey), leader)
export const leaderOf = (item: Item | undefined, now: number): Leader | undefined =>
  item && !hasExpired(item, now) ? parseRecord<Leader>(Leader, item) : undefined

const At = z.object({ key: LiveKey })
/** Where a job stands now. It may go when the input goes, and never before. */
export function atItem({ key, submittedAt, expiresAt }: LiveRecord): Item {
  const at = { key, submittedAt }
  return expiresAt === undefined ? stored(atKey(key.jobId), at) : expiring(atKey(key.jobId), { ...at, expiresAt })
}

const Written = z.object({
  submittedAt: z.number().optional(),
  endedAt: z.number().optional(),
  createdAt: z.number().optional(),
  key: z.object({ at: z.number() }).optional(),
})
/**
 * What an earlier job of this id left (see `submittedAt` in core/job.ts). Parts of older code do not say whose they are;
 * but none is older than its job.
 */
export function isOfEarlier(part: Item | undefined, submittedAt: number): boolean {
  const written = Written.safeParse(part)
  if (!written.success) return false
  const { submittedAt: its, endedAt, createdAt, key } = written.data
  return (its ?? endedAt ?? createdAt ?? key?.at ?? submittedAt) < submittedAt
}
export const hasExpired = (part: Item | undefined, now: number): boolean =>
  typeof part?.['expiresAt'] === 'number' && part['expiresAt'] <= now

/** All parts of a job, from one Query in order of sk: at, draft#..., end, input. */
export function partsOf(items: readonly Item[], now: number): JobParts | undefined {
  const stands = items.find((i) => i.sk === 'input')
  if (!stands || hasExpired(stands, now)) return undefined
  const input = fromInputItem(stands)
  const own = items.filter((i) => !hasExpired(i, now) && !isOfEarlier(i, input.submittedAt))
  const part = (sk: string) => own.find((i) => i.sk === sk)
  const at = part('at')
  const end = part('end')
  const draft = own.findLast((i) => i.sk.startsWith('draft#'))
  return {
    input,
    ...(at ? { at: parseRecord(At, at).key } : {}),
    ...(end ? { end: parseRecord(End, end) } : {}),
    ...(draft ? { draft: parseRecord<Draft>(DraftSchema, draft) } : {}),
  }
}
