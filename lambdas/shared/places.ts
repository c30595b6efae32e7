/** What a configuration has a place for, as a deployment asks about it: pools, and of each kind its pool. */
export interface Places {
  readonly pools: readonly string[]
  readonly kinds: Readonly<Record<string, string>>
}
