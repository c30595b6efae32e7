/** A pool's settings as people see them: each with its value, where that comes from, and who changed it when. */
import { createHash } from 'node:crypto'
import { CHANGEABLE, type InForce, type Overrides } from '../core/overrides.ts'

export interface SettingView {
  readonly value: unknown
  readonly source: 'file' | 'override'
  readonly by?: string
  readonly at?: string
}
export interface SettingsView {
  readonly settings: Readonly<Record<string, SettingView>>
  /** Changes that hold no longer, as the configuration is today: where, and why. */
  readonly ignored?: readonly string[]
}

export function settingsShown({ settings, overrides, ignored }: InForce): SettingsView {
  const set = CHANGEABLE.filter((name) => settings[name] !== undefined)
  const shown = set.map((name) => [name, settingShown(settings[name], overrides, name)] as const)
  return { settings: Object.fromEntries(shown), ...(ignored.length > 0 ? { ignored } : {}) }
}

function settingShown(value: unknown, { fields, changed }: Overrides, name: string): SettingView {
  if (!(name in fields)) return { value, source: 'file' }
  const { by, at } = changed[name] ?? {}
  return { value, source: 'override', ...(by === undefined ? {} : { by, at: new Date(at as number).toISOString() }) }
}

/** Of the settings alone, the configuration's among them: a deployment changes it, use does not. */
export function etagOf({ settings, overrides }: InForce): string {
  const hash = createHash('sha256').update(JSON.stringify([overrides.version, settings]))
  return `"${overrides.version}-${hash.digest('hex').slice(0, 16)}"`
}
