/**
 * Watches how far contenders drift apart in service by weight while both have work. Fair queueing bounds the drift of
 * every pair over every interval in which both are backlogged by the sum of one job each, the largest that they have
 * (SFQ, theorem 1).
 */
export class Gaps {
  private readonly service = new Map<string, number>()
  private ready = new Map<string, number>()
  /** Of each pair backlogged together: least and greatest difference so far. */
  private readonly together = new Map<string, { low: number; high: number }>()
  /** How far the bound was exceeded; zero or less is fair. */
  excess = Number.NEGATIVE_INFINITY

  constructor(
    private readonly weightOf: (id: string) => number,
    private readonly comparable: (a: string, b: string) => boolean = () => true,
    /** The most that one job may take. */
    private readonly largestOf: (id: string) => number = () => 1,
    /** Where one that waits for room may be passed, the larger of the two counts twice more (G4). */
    private readonly passing = false,
  ) {}

  /** What each has ready before a tick. */
  begin(ready: ReadonlyMap<string, number>): void {
    this.ready = new Map(ready)
    for (const [a, b] of this.pairs()) this.watch(a, b)
  }

  served(id: string, amount = 1): void {
    this.service.set(id, (this.service.get(id) ?? 0) + amount)
    for (const [a, b] of this.pairs()) if (a === id || b === id) this.measure(a, b)
    this.ready.set(id, (this.ready.get(id) ?? 0) - 1)
    for (const [a, b] of this.pairs()) if (a === id || b === id) this.watch(a, b)
  }

  private pairs(): [string, string][] {
    const ids = [...this.ready.keys()].sort()
    return ids.flatMap((a, i) =>
      ids.slice(i + 1).flatMap((b): [string, string][] => (this.comparable(a, b) ? [[a, b]] : [])),
    )
  }

  private watch(a: string, b: string): void {
    const key = `${a} ${b}`
    if ((this.ready.get(a) ?? 0) > 0 && (this.ready.get(b) ?? 0) > 0) {
      const apart = this.apart(a, b)
      if (!this.together.has(key)) this.together.set(key, { low: apart, high: apart })
    } else this.together.delete(key)
  }

  private measure(a: string, b: string): void {
    const seen = this.together.get(`${a} ${b}`)
    if (!seen) return
    seen.low = Math.min(seen.low, this.apart(a, b))
    seen.high = Math.max(seen.high, this.apart(a, b))
    const [one, other] = [this.largestOf(a) / this.weightOf(a), this.largestOf(b) / this.weightOf(b)]
    const bound = one + other + (this.passing ? 2 * Math.max(one, other) : 0)
    this.excess = Math.max(this.excess, seen.high - seen.low - bound)
  }

  private readonly apart = (a: string, b: string): number =>
    (this.service.get(a) ?? 0) / this.weightOf(a) - (this.service.get(b) ?? 0) / this.weightOf(b)
}
