/**
 * What happened to every job, as the commits told it: kept beside the system, from the stored items alone, so that a
 * check never asks the code that it checks.
 */
import type { Item } from '../../adapters/records.ts'
import type { Written } from './tables.ts'

export interface JobFacts {
  readonly id: string
  /** From its stored input. */
  readonly owner: string
  readonly kind: string
  readonly pool: string
  readonly tier: string
  readonly firstKey: string
  /** Its live records, by lane and sort key. More than one only where a first put landed late. */
  readonly live: Map<string, Item>
  end?: Item
  /** Where `at` says that it stands, as a key of `live`. */
  at?: string
  /** A submit was answered with ok. */
  acceptedAt?: number
  /** When a call arrived, by fence. */
  readonly calls: Map<number, number[]>
  readonly drafts: Map<string, Item>
  readonly approvals: Map<string, Item>
}

export const placeOf = (w: { pk: string; sk: string }): string => `${w.pk}/${w.sk}`
const AT_DIGITS = 13
export const keyPlace = (key: { lane: string; at: number; jobId: string }): string =>
  `${key.lane}/${String(key.at).padStart(AT_DIGITS, '0')}#${key.jobId}`
export const jobIdIn = (sk: string): string => sk.slice(AT_DIGITS + 1)

/** The jobs that a bell says have entered. */
export function namedBy(bell: Item): readonly string[] {
  const jobs = bell['t'] === 'came' ? (bell['jobs'] as readonly { head: { jobId: string } }[]) : []
  const one = bell['t'] === 'entered' ? [bell as unknown as (typeof jobs)[number]] : jobs
  return one.map(({ head }) => head.jobId)
}

type Key = { lane: string; at: number; jobId: string }

export class Book {
  readonly jobs = new Map<string, JobFacts>()
  /** Live records of no job whose input was ever written. */
  readonly strangers: string[] = []

  of(jobId: string): JobFacts | undefined {
    return this.jobs.get(jobId)
  }

  /** From what stands now. What was accepted after that moment is forgotten: nobody may count on it. */
  restart(standing: readonly Written[], acceptedBy: number): void {
    const before = new Map(this.jobs)
    this.jobs.clear()
    this.keep(standing.filter(({ sk }) => sk === 'input'))
    this.keep(standing.filter(({ sk }) => sk !== 'input'))
    for (const job of this.jobs.values()) {
      const { acceptedAt } = before.get(job.id) ?? {}
      if (acceptedAt !== undefined && acceptedAt <= acceptedBy) job.acceptedAt = acceptedAt
    }
  }

  keep(commit: readonly Written[]): void {
    for (const w of commit) {
      if (w.table === 'jobs') this.part(w)
      else if (w.table === 'live') this.place(w)
      else if (w.table === 'approvals' && w.after) this.jobs.get(w.pk)?.approvals.set(w.sk, w.after)
    }
  }

  /** The one live record that counts: none where it has ended, unless it is a dead letter. */
  home(job: JobFacts): Item | undefined {
    return job.live.get(job.at ?? job.firstKey)
  }

  /** Its job stands elsewhere by now. */
  isLeftBehind(key: Key): boolean {
    const { at } = this.jobs.get(key.jobId) ?? {}
    return at !== undefined && at !== keyPlace(key)
  }

  private part(w: Written): void {
    if (w.sk === 'input' && w.after) this.begin(w.after)
    const job = this.jobs.get(w.pk)
    if (!job) return
    if (w.sk === 'at' && w.after) job.at = keyPlace(w.after['key'] as Key)
    if (w.sk === 'end') {
      if (w.after) job.end = w.after
      else delete job.end
    }
    if (w.sk.startsWith('draft#') && w.after) job.drafts.set(w.sk, w.after)
  }

  private begin(input: Item): void {
    if (this.jobs.has(input.pk)) return
    const of = (name: string) => input[name] as string
    this.jobs.set(input.pk, {
      id: input.pk,
      owner: of('owner'),
      kind: of('kind'),
      pool: of('pool'),
      tier: of('tier'),
      firstKey: keyPlace(input['key'] as Key),
      live: new Map(),
      calls: new Map(),
      drafts: new Map(),
      approvals: new Map(),
    })
  }

  private place(w: Written): void {
    const job = this.jobs.get(jobIdIn(w.sk))
    if (!job) this.strangers.push(w.sk)
    else if (w.after) job.live.set(placeOf(w), w.after)
    else job.live.delete(placeOf(w))
  }
}
