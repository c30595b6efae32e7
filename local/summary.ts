/** How the sample went, read from the jobs themselves and from the provider's own counts. */
import { TIERS } from '../core/job.ts'
import type { PoolSettings } from '../core/settings.ts'
import type { ApiClient } from './api-client.ts'
import type { Pool } from './picture.ts'
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

const tally = (states: readonly string[]): string => {
  const counts = new Map<string, number>()
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1)
  return [...counts].map(([state, n]) => `${n} ${state}`).join(', ') || 'none'
}

export function summaryOf(p: { rows: readonly Row[]; repeated: number; pool: Pool; ms: number }): string {
  const { rows, repeated } = p
  const owners = new Set(rows.map((r) => r.owner)).size
  const known = repeated === 0 ? '' : ` (${repeated} of them submitted by an earlier start; --reset forgets them)`
  return [
    `${rows.length} jobs of ${owners} owners in ${(p.ms / 1000).toFixed(0)} s${known}: ${tally(rows.map((r) => r.state))}`,
    ...TIERS.map((tier) => `  ${tier.padEnd(7)} ${tally(rows.filter((r) => r.tier === tier).map((r) => r.state))}`),
    ...(p.pool.provider ? [countedBy(p.pool.provider, p.pool.settings)] : []),
  ].join('\n')
}

const countedBy = (provider: SimulatedProvider, { requests, windowMs }: PoolSettings): string => {
  const { admitted, refused, worstWindow, repeated } = provider.stats()
  const window = `at most ${worstWindow} in any ${windowMs / 1000} s${requests === undefined ? '' : ` (limit ${requests})`}`
  return `The provider counted ${admitted} calls, ${window}.\nIt refused ${refused} with 429; ${repeated} came twice under one claim.`
}
