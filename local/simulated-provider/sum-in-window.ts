/** What was counted in the half-open window (now - W, now], kept call by call. Times never step back. */
export interface Entry {
  readonly at: number
  amount: number
}

/** Entries that have left are shed in batches of this many: shedding one by one would move the whole list each time. */
const SHED_AT = 1_024

export class SumInWindow {
  private entries: Entry[] = []
  private first = 0
  private total = 0

  constructor(private readonly windowMs: number) {}

  add(at: number, amount: number): Entry {
    const entry = { at, amount }
    this.entries.push(entry)
    this.total += amount
    return entry
  }

  /** It turned out to be another amount: of what is still in the window. */
  amend(entry: Entry, amount: number, now: number): void {
    this.expire(now)
    if (entry.at > now - this.windowMs) this.total += amount - entry.amount
    entry.amount = amount
  }

  sum(now: number): number {
    this.expire(now)
    return this.total
  }

  /** The first time from which the sum is at most `amount`, if nothing comes; one window on if it can never be. */
  fallsTo(amount: number, now: number): number {
    let sum = this.sum(now)
    for (let i = this.first; sum > amount; i += 1) {
      const entry = this.entries[i]
      if (!entry) return now + this.windowMs
      sum -= entry.amount
      if (sum <= amount) return entry.at + this.windowMs
    }
    return now
  }

  /** When nothing is left, if nothing comes. Every answer tells this, so it must not walk the window. */
  emptyAt(now: number): number {
    return Math.max(now, (this.entries.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + this.windowMs)
  }

  private expire(now: number): void {
    const { entries } = this
    for (let entry = entries[this.first]; entry && entry.at <= now - this.windowMs; entry = entries[++this.first])
      this.total -= entry.amount
    if (this.first < SHED_AT) return
    this.entries = entries.slice(this.first)
    this.first = 0
  }
}
