/** How the sample went, read from the jobs themselves and from the provider's own counts. */
import type { ApiClient } from './api-client.ts'
import type { SimulatedProvider } from './simulated-provider.ts'

interface Row {
  tier: string
  owner: string
  state: string
  attempts: number
}

const READS_AT_ONCE = 20
/** States in which nothing more happens without a person. */
const RESTING = new Set(['succeeded', 'in-review', 'failed', 'rejected', 'cancelled', 'expired'])

export async function readAll(api: ApiClient, ids: readonly string[]): Promise<Row[]> {
  const rows: Row[] = []
  for (let i = 0; i < ids.length; i += READS_AT_ONCE)
    rows.push(...((await Promise.all(ids.slice(i, i + READS_AT_ONCE).map((id) => api.get(`/v1/jobs/${id}`)))) as Row[]))
  return rows
}

export const allRest = (rows: readonly Row[]): boolean => rows.every((r) => RESTING.has(r.state))

const tally = <K extends string>(keys: readonly K[]): string => {
  const counts = new Map<K, number>()
  for (const k of keys) counts.set(k, (counts.get(k) ?? 0) + 1)
  return [...counts].map(([k, n]) => `${n} ${k}`).join(', ')
}

export function summaryOf(rows: readonly Row[], provider: SimulatedProvider | undefined, seconds: number): string {
  const stats = provider?.stats()
  const lines = [
    `${rows.length} jobs of ${new Set(rows.map((r) => r.owner)).size} owners in ${seconds.toFixed(0)} s: ${tally(rows.map((r) => r.state))}`,
    ...['high', 'medium', 'low'].map(
      (tier) => `  ${tier.padEnd(7)} ${tally(rows.filter((r) => r.tier === tier).map((r) => r.state)) || 'none'}`,
    ),
  ]
  if (stats)
    lines.push(
      `the provider counted ${stats.admitted} calls, ${stats.refused} refused (429), at most ${stats.worstWindow} in any window, ${stats.repeated} repeated`,
    )
  return lines.join('\n')
}
