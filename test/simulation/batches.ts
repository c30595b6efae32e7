/** Callers that submit many at once, for several owners: what was not answered is repeated, where a key allows it. */
import type { SubmitRequest } from '../../services/submit.ts'
import { type Submitted, submitBatch } from '../../services/submit-batch.ts'
import { aCaller } from '../support/callers.ts'
import type { Asked } from './checks/check.ts'
import type { Stream } from './random.ts'
import { mayRefuse } from './scenario.ts'
import type { World } from './world.ts'

export interface Entry {
  readonly asked: Asked
  readonly request: SubmitRequest
}
interface Told {
  accepted(jobId: string, asked: Asked): void
  odd(message: string): void
  /** The first answer that a job was given. */
  first(jobId: string): void
}

const TRIES = 5
const IMPORTER = aCaller('importer', { mayActFor: ['*'] })

export class Batches {
  constructor(
    private readonly world: World,
    private readonly stream: Stream,
    private readonly told: Told,
  ) {}

  /** Again what may be repeated, until all of that is answered. */
  async untilAnswered(entries: readonly Entry[]): Promise<void> {
    let open = entries
    for (let i = 0; i < TRIES && open.length > 0; i++) {
      if (i > 0) await this.world.pause(this.stream.spread(50, 5_000))
      open = await this.once(open)
    }
  }

  private async once(entries: readonly Entry[]): Promise<Entry[]> {
    const requests = entries.map(({ request }) => request)
    const ended = await this.world.request((deps) => submitBatch(deps, IMPORTER, requests))
    const answers: readonly (Submitted | undefined)[] = ended.kind === 'done' ? ended.value : []
    return entries.filter((entry, i) => this.isOpen(entry, answers[i]))
  }

  private isOpen({ asked, request }: Entry, answer: Submitted | undefined): boolean {
    if (answer?.ok === true) {
      this.told.accepted(answer.jobId, asked)
      this.told.first(answer.jobId)
      return false
    }
    if (answer?.ok === false) {
      if (mayRefuse(this.world.scenario, answer.code)) return false
      if (answer.code !== 'backlog-full') this.told.odd(`a batch was refused: ${answer.code}`)
      return answer.code === 'backlog-full'
    }
    // Without a key a repeat would be another job: whoever sent none leaves it at that.
    return request.idempotencyKey !== undefined
  }
}
