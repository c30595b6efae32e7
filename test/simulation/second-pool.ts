/** In some schedules in which a provider is down, another pool is well, where some kinds may be served meanwhile. */
import type { Settings, SettingsInput } from '../../core/settings.ts'
import { Stream } from './random.ts'
import type { Weather } from './weather.ts'

export const SECOND = 'second'
/** Says who is asked. */
export const SECOND_MODEL = 'model-b'

export function withSecond(
  seed: number,
  its: Weather,
  settings: Pick<SettingsInput, 'pools'> & Pick<Settings, 'kinds'>,
): Pick<SettingsInput, 'pools' | 'kinds'> {
  const s = new Stream(seed, 'fallback')
  if (!its.down || !s.chance(0.7)) return settings
  const windowMs = s.spread(2_000, 4_000)
  const second: SettingsInput['pools'][string] = {
    provider: { kind: 'bedrock' },
    windowMs,
    requests: Math.round((windowMs / 1_000) * s.spread(3, 14)),
    guard: { refusalMs: 100, skewMs: 20, networkMs: 40 },
    pacing: s.chance(0.75) ? 'even' : 'burst',
    order: s.pick(['weighted', 'weighted', 'owners']),
    settleMarginMs: 5_000,
    history: s.chance(0.5) ? 'full' : 'empty',
    feedback: true,
  }
  const kinds = Object.entries(settings.kinds).map(([name, kind]) => {
    const afterMs = s.chance(0.2) ? s.spread(2_000, 10_000) : undefined
    const to = { pool: SECOND, model: SECOND_MODEL, ...(afterMs === undefined ? {} : { afterMs }) }
    // One kind is at home where the others are guests.
    if (name === 'spare' && s.chance(0.5)) return [name, { ...kind, pool: SECOND, model: SECOND_MODEL }]
    return [name, { ...kind, ...(s.chance(0.7) ? { fallback: [to] } : {}) }]
  })
  return { pools: { ...settings.pools, [SECOND]: second }, kinds: Object.fromEntries(kinds) }
}
