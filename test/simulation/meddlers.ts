/** People who interfere: they cancel, decide, redrive, look and resume, some of them in the very moment when it matters. */
import { WAIT_REASONS } from '../../core/wait-reason.ts'
import type { Caller } from '../../services/caller.ts'
import { cancel } from '../../services/cancel.ts'
import { getJob } from '../../services/get-job.ts'
import { listJobs } from '../../services/list-jobs.ts'
import { listReviews } from '../../services/list-reviews.ts'
import { overview, pools, resume } from '../../services/pools.ts'
import type { JobMessage } from '../../services/ports.ts'
import { redrive } from '../../services/redrive.ts'
import { decide } from '../../services/review.ts'
import type { JobView } from '../../services/view-job.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import type { JobFacts } from './book.ts'
import type { Ended } from './fleet.ts'
import type { Stream } from './random.ts'
import type { World } from './world.ts'

/** G11: who waits says why. */
const WAITS = ['queued', 'in-review']

export class Meddlers {
  constructor(
    private readonly world: World,
    private readonly p: {
      readonly stream: Stream
      readonly returns: Stream
      /** Of the jobs that were accepted. */
      readonly jobIds: readonly string[]
      /** An answer that contradicts the documents. */
      odd(message: string): void
      /** Somebody waits for it. */
      waited(asking: Promise<unknown>): Promise<void>
    },
  ) {}

  meddle(): void {
    const act = this.p.stream.pick(['cancel', 'cancel', 'redrive', 'decide', 'decide', 'decide', 'look', 'resume'])
    const job = this.someJob(act)
    if (job === undefined) return
    void this.p.waited(this.act(act, job))
    if (this.p.stream.chance(0.15)) void this.p.waited(this.act(act, job))
  }

  /** Mostly one that fits what is to be done. */
  private someJob(act: string): string | undefined {
    const fits = (job: JobFacts) => {
      if (act === 'decide') return this.world.book.home(job)?.['state'] === 'in-review'
      if (act === 'redrive') return job.end?.['outcome'] === 'failed'
      return job.end === undefined
    }
    const fitting = [...this.world.book.jobs.values()].filter(fits).map((j) => j.id)
    return this.p.stream.pick(fitting.length > 0 && this.p.stream.chance(0.9) ? fitting : this.p.jobIds)
  }

  private async act(act: string, jobId: string): Promise<void> {
    switch (act) {
      case 'cancel':
        return this.hasEnded(jobId, await this.world.request((deps) => cancel(deps, ADMIN, jobId)))
      case 'redrive':
        return void (await this.world.request((deps) => redrive(deps, ADMIN, jobId)))
      case 'decide': {
        const decision = this.p.stream.chance(0.6) ? ('approved' as const) : ('rejected' as const)
        const version = this.p.stream.chance(0.05) ? 2 : 1
        const done = await this.world.request((deps) => decide(deps, reviewer(), jobId, { decision, version }))
        if (version === 2 && done.kind === 'done' && done.value.ok)
          this.p.odd(`a draft of ${jobId} that never was is ${decision}`)
        return this.hasEnded(jobId, done)
      }
      case 'resume':
        return this.resumed(this.p.stream.pick(this.world.pools))
      default:
        return this.look(jobId)
    }
  }

  /** Whoever hears that it has ended may go by that: it has, and as it was said. */
  private hasEnded(jobId: string, answer: Ended<{ ok: true; state: string } | { ok: false }>): void {
    if (answer.kind !== 'done' || !answer.value.ok || answer.value.state === 'cancelling') return
    const outcome = this.world.book.of(jobId)?.end?.['outcome']
    if (outcome !== answer.value.state) this.p.odd(`${jobId} is said to be ${answer.value.state} and is ${outcome}`)
  }

  private hasReason({ id, state, waiting }: JobView): void {
    const known = waiting && Object.hasOwn(WAIT_REASONS, waiting.reason) && waiting.sentence.length > 0
    if (WAITS.includes(state) && !known) this.p.odd(`${id} is ${state} and cannot say why`)
    if (state === 'in-review' && waiting?.reason !== 'REVIEW') this.p.odd(`${id} waits for ${waiting?.reason}`)
  }

  private async look(jobId: string): Promise<void> {
    const owner = this.world.book.of(jobId)?.owner ?? 'ada'
    const waitS = this.p.stream.chance(0.3) ? 5 : 0
    const seen = await this.world.request((deps) => getJob(deps, ADMIN, jobId, { waitS }))
    if (seen.kind === 'done' && seen.value.ok) this.hasReason(seen.value.job)
    await this.world.request((deps) => listJobs(deps, ADMIN, { owner, limit: 20 }))
    await this.world.request((deps) => listReviews(deps, ADMIN, { limit: 20 }))
    await this.world.request((deps) => Promise.all([overview(deps, ADMIN), pools(deps, ADMIN)]))
  }

  async resumed(pool: string): Promise<void> {
    await this.world.request((deps) => resume(deps, ADMIN, pool))
  }

  /** Somebody has mended what the provider refused, and mostly says so; else a probe finds out within a minute. */
  mend(): void {
    const { about } = this.world.scenario
    if (about === 'refusing' || about === 'chasing' || !this.p.stream.chance(0.7)) return
    for (const pool of this.world.pools)
      this.world.after(this.p.stream.int(0, 3_000), () => {
        void this.p.waited(this.world.request((deps) => resume(deps, ADMIN, pool)))
      })
  }

  /** Somebody cancels what is about to be a stopped pool's probe, or came too late to be one, or has moved. */
  whileProbing({ jobs }: JobMessage): void {
    const probe = jobs.find((job) => job.probe)
    const { about } = this.world.scenario
    if (!probe || !this.world.mix.active) return
    const cancel = () => void this.p.waited(this.act('cancel', probe.key.jobId))
    if (about === 'chasing' && this.world.book.isLeftBehind(probe.key)) return cancel()
    if (about !== 'refusing' || !this.p.returns.chance(0.3)) return
    if (this.p.returns.chance(0.5)) cancel()
    else this.world.after(this.p.returns.spread(100, 10_000), cancel)
  }

  /** Nobody was told that it was let go of if its worker died of that: it is cancelled before anybody looks. */
  whileReleasing(jobId: string): void {
    const { scenario, mix } = this.world
    if (scenario.about !== 'refusing' || !mix.active || !this.p.returns.chance(0.5)) return
    this.world.after(this.p.returns.spread(20, 2_000), () => void this.p.waited(this.act('cancel', jobId)))
  }

  /** Somebody cancels what was just asked for, and may find it where it no longer is. */
  whileEntering(jobId: string): void {
    if (this.world.scenario.about !== 'haunting' || !this.world.mix.active || !this.p.returns.chance(0.5)) return
    this.world.after(this.p.returns.spread(50, 20_000), () => void this.p.waited(this.act('cancel', jobId)))
  }
}

const reviewer = (): Caller => aCaller('rita', { scopes: ['reviews:decide'], mayActFor: ['*'] })
