/** Several lanes as one list, page by page, under a sealed cursor: records of owners that the caller may act for. */
import type { LiveKey, LiveRecord, Tier } from '../core/job.ts'
import { actsFor, type Caller } from './caller.ts'
import { readCursor, START_AGAIN, writeCursor } from './cursor.ts'
import type { Deps } from './deps.ts'
import { type Answer, refuse } from './refusal.ts'

export interface LaneListRequest {
  /** Names the list, so that its cursors fit no other. */
  readonly list: string
  readonly lanes: readonly string[]
  readonly limit: number
  readonly cursor?: string | undefined
  /** Only of these. */
  readonly owner?: string | undefined
  readonly tier?: Tier | undefined
}

/** Whether a list that asks for an owner or a tier shows what is theirs. */
export const isAskedFor = (
  { owner, tier }: Pick<LaneListRequest, 'owner' | 'tier'>,
  one: { readonly owner: string; readonly tier: string },
): boolean => (owner === undefined || one.owner === owner) && (tier === undefined || one.tier === tier)

export async function listLanes(
  deps: Deps & { cursorKey: string },
  caller: Caller,
  request: LaneListRequest,
): Promise<Answer<{ records: LiveRecord[]; cursor?: string }>> {
  const scope = `${caller.id}|${request.list}`
  const now = deps.clock.now()
  const from = request.cursor === undefined ? undefined : readCursor(deps.cursorKey, request.cursor, { scope, now })
  if (from && !from.ok) return from
  const start = from ? request.lanes.indexOf(from.key.lane) : 0
  if (start < 0) return refuse('bad-cursor', 'This cursor is of an older configuration.', START_AGAIN, { at: 'cursor' })
  const records: LiveRecord[] = []
  let after: LiveKey | undefined = from?.key
  for (const lane of request.lanes.slice(start)) {
    const page = await deps.jobs.lane({ lane, limit: request.limit - records.length, ...(after ? { after } : {}) })
    records.push(...page.records.filter((r) => actsFor(caller, r.owner) && isAskedFor(request, r)))
    if (page.last && (page.more || records.length >= request.limit))
      return { ok: true, records, cursor: writeCursor(deps.cursorKey, { key: page.last, scope, now }) }
    after = undefined
  }
  return { ok: true, records }
}
