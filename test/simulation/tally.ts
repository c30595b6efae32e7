/** What many schedules come to: how much was run, what befell it, which edges were taken, what was violated. */
import { CALL_KINDS, FAULTS, mayBefall } from './faults.ts'
import type { SeedResult } from './run-seed.ts'

export class Tally {
  schedules = 0
  readonly failed: SeedResult[] = []
  private jobs = 0
  private calls = 0
  private faults = 0
  private ms = 0
  private readonly counts = new Map<string, number>()
  private readonly edges = new Map<string, number>()

  add(result: SeedResult): void {
    this.schedules++
    this.jobs += result.jobs
    this.calls += result.calls
    this.faults += result.faults
    this.ms += result.ms
    if (result.violation) this.failed.push(result)
    for (const [what, n] of Object.entries(result.counts)) this.counts.set(what, (this.counts.get(what) ?? 0) + n)
    for (const [edge, n] of Object.entries(result.edges)) this.edges.set(edge, (this.edges.get(edge) ?? 0) + n)
  }

  /** Kinds of fault that may befall a kind of call and never did. */
  get unhit(): string[] {
    return CALL_KINDS.flatMap((call) => mayBefall(call).map((fault) => `${fault} ${call}`)).filter(
      (what) => !this.counts.has(what),
    )
  }
  /** Edges of a job's life that were taken. */
  get taken(): string[] {
    return [...this.edges.keys()].sort()
  }
  get jobsOnAverage(): number {
    return this.jobs / this.schedules
  }
  get faultsOnAverage(): number {
    return this.faults / this.schedules
  }

  line(): string {
    const hours = (this.ms / 3_600_000).toFixed(1)
    return `${this.schedules} schedules, ${this.jobs} jobs, ${this.calls} calls, ${this.faults} faults, ${hours} h of their time, ${this.failed.length} failed`
  }

  report(): string {
    const inCalls = CALL_KINDS.map((call) => {
      const its = FAULTS.flatMap((fault) => {
        const n = this.counts.get(`${fault} ${call}`)
        return n === undefined ? [] : [`${fault} ${n}`]
      })
      return `  ${call.padEnd(22)} ${its.join(', ')}`
    })
    const others = [...this.counts].filter(([what]) => !CALL_KINDS.some((call) => what.endsWith(` ${call}`)))
    const edges = [...this.edges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([edge, n]) => `  ${edge.padEnd(26)} ${n}`)
    return [
      'faults by call:',
      ...inCalls,
      `around them: ${others.map(([what, n]) => `${what} ${n}`).join(', ')}`,
      `never hit: ${this.unhit.join(', ') || 'none'}`,
      'edges:',
      ...edges,
      this.line(),
    ].join('\n')
  }
}
