/** Redrive: a dead letter goes back into its lane with fresh tries; its errors stay with it. */
import { enteredBell } from '../core/bell.ts'
import { carry, type DeadLetter, type Queued } from '../core/job.ts'
import { attentionLane, laneOf } from '../core/lane.ts'
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { findJob } from './find-job.ts'
import { type Answer, noSuchJob, refuse } from './refusal.ts'
import { hasPlace } from './stranded.ts'

export async function redrive(deps: Deps, caller: Caller, jobId: string): Promise<Answer<{ jobId: string }>> {
  const scope = lacksScope(caller, 'jobs:submit')
  if (scope) return scope
  const found = await findJob(deps, caller, jobId)
  if (!found) return noSuchJob(jobId)
  const letter = await deadLetter(deps, found.parts.input.pool, jobId, found.parts.end?.endedAt)
  if (!letter)
    return refuse(
      'not-redrivable',
      'Only a job that has failed can be redriven.',
      'Look at its state; submit a new job instead.',
    )
  const { pool, kind } = letter
  if (!hasPlace(deps.settings, pool, kind))
    return refuse(
      'not-redrivable',
      `The configuration has no kind ${kind} in a pool ${pool} any more: nothing would run it.`,
      'Put it back and deploy; or submit the job anew.',
    )
  const record = fresh(letter, deps.clock.now())
  const bell = enteredBell(deps.random.id(deps.clock.now()), record)
  if ((await deps.jobs.transition({ from: letter, to: record, reopen: true, bell })) !== 'done')
    return refuse('not-redrivable', 'Somebody else has just redriven it.', 'Look at its state.')
  await deps.doorbell.rung(record.pool)
  return { ok: true, jobId }
}

async function deadLetter(deps: Deps, pool: string, jobId: string, endedAt?: number): Promise<DeadLetter | undefined> {
  if (endedAt === undefined) return undefined
  const [live] = await deps.jobs.live({ keys: [{ lane: attentionLane(pool), at: endedAt, jobId }] })
  return live?.state === 'failed' ? live : undefined
}

/** The fence goes on from where it was, so that nothing sent before the failure can claim it. */
const fresh = (letter: DeadLetter, now: number): Queued => ({
  ...carry(letter),
  key: { lane: laneOf(letter), at: Math.max(now, letter.key.at + 1), jobId: letter.key.jobId },
  state: 'queued',
  fence: letter.fence + 1,
  attempt: 0,
  throttles: 0,
  crashes: 0,
})
