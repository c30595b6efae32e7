/** Settings for a world: one pool of 300 a minute, a kind per tier, one kind that a person must see. */
import { parseSettings, type Settings, type SettingsInput } from '../../core/settings.ts'

type Pool = SettingsInput['pools'][string]
type Kind = SettingsInput['kinds'][string]

export interface WorldSettings extends Partial<Omit<SettingsInput, 'pools' | 'kinds'>> {
  readonly pool?: Partial<Pool>
  readonly pools?: SettingsInput['pools']
  readonly kinds?: Readonly<Record<string, Partial<Kind>>>
}

const POOL: Pool = { provider: { kind: 'bedrock' }, requests: 300, windowMs: 60_000, history: 'empty' }
const KIND: Kind = { pool: 'main', tier: 'medium', model: 'model-a', prompt: 'Write to {{name}}.', maxOutputTokens: 50 }
const KINDS: Readonly<Record<string, Partial<Kind>>> = {
  reply: { tier: 'high' },
  step: { tier: 'medium' },
  nudge: { tier: 'low' },
  intro: { tier: 'medium', review: { policy: 'required', team: 'sales' } },
}

export function worldSettings({ pool, pools, kinds, ...rest }: WorldSettings = {}): Settings {
  const all = { ...KINDS, ...kinds }
  const parsed = parseSettings({
    ...rest,
    pools: { main: { ...POOL, ...pool }, ...pools },
    kinds: Object.fromEntries(Object.entries(all).map(([name, kind]) => [name, { ...KIND, ...KINDS[name], ...kind }])),
  })
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  return parsed.settings
}
