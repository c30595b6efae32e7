/** The most calls that any window `(t - windowMs, t]` holds, counted without the code under test. */
export function fullestWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  let most = 0
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while ((sorted[first] as number) <= (sorted[last] as number) - windowMs) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}
