/** What was sent and never rang about is read by its key: the table says what became of it. */
import { type Head, headOf } from '../../core/bell.ts'
import type { LiveKey, LiveRecord, Tier } from '../../core/job.ts'
import { isRunOut } from '../../core/lease.ts'
import { recordKey, type Sent } from '../../core/ring.ts'
import { sentBack } from '../../core/turns.ts'
import type { DispatcherDeps } from '../deps.ts'
import { inBatches } from '../in-batches.ts'
import { unprobed } from './absorb.ts'
import { type Holder, LOOK_EVERY_MS } from './holder.ts'

/** Hundreds may be overdue: so many requests are under way, however long that takes. */
const READ_ALONE_AT_ONCE = 16

const keyOf = (s: Sent): LiveKey => recordKey(s.lane, s.head)
/** As it stands now; a guest goes on being one. */
const headNow = ({ head: { guest } }: Sent, record: LiveRecord): Head => ({
  ...headOf(record),
  ...(guest ? { guest } : {}),
})

export async function watch(deps: DispatcherDeps, h: Holder, now: number): Promise<void> {
  if (now < h.due.look) return
  h.due.look = now + LOOK_EVERY_MS
  const overdue = [...h.ring.sent.values()].filter((s) => s.lookAt <= now)
  if (overdue.length === 0) return
  const records = await read(deps, h, overdue)
  overdue.forEach((sent, i) => became(h, sent, records[i], now))
}

/** All in one request; where one of them does not parse each by itself, so that it stops nobody else. */
async function read(deps: DispatcherDeps, h: Holder, overdue: readonly Sent[]): Promise<(LiveRecord | undefined)[]> {
  try {
    return await deps.jobs.live({ keys: overdue.map(keyOf) })
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const records = new Map<Sent, LiveRecord | undefined>()
    await inBatches(overdue, READ_ALONE_AT_ONCE, async (sent) => {
      records.set(sent, await readOne(deps, h, sent))
    })
    return overdue.map((sent) => records.get(sent))
  }
}

const isUnreadable = (error: unknown): boolean => (error as { code?: string }).code === 'unreadable-record'

async function readOne(deps: DispatcherDeps, h: Holder, sent: Sent): Promise<LiveRecord | undefined> {
  try {
    return (await deps.jobs.live({ keys: [keyOf(sent)] }))[0]
  } catch (error) {
    if (!isUnreadable(error)) throw error
    deps.meter.count('Unreadable', 1, { pool: h.pool })
    return undefined
  }
}

function became(h: Holder, sent: Sent, record: LiveRecord | undefined, now: number): void {
  const { jobId, fence } = sent.head
  if (record?.state === 'queued') {
    if (now <= sent.notAfter) return lookAgain(sent, sent.notAfter)
    // Unclaimed though its slot is over: sent again. A new fence means it was claimed and given back.
    sentBack(h.ring, jobId, headNow(sent, record), true)
  } else if (record?.state === 'running') {
    if (!isRunOut(record.leaseUntil, now)) return lookAgain(sent, record.leaseUntil)
    // Its worker died: it travels alone from now on, and its permit stays spent.
    sentBack(h.ring, jobId, { ...headNow(sent, record), crashes: record.crashes + 1 }, false)
  } else {
    h.ring.sent.delete(jobId)
    h.gone.set(jobId, { fence, tier: h.ring.lanes.get(sent.lane)?.tier as Tier })
  }
  unprobed(h, sent)
}

function lookAgain(sent: Sent, after: number): void {
  sent.lookAt = after + 1
}
