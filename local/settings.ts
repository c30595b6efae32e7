/** The settings of a run on one machine: the configuration, with what the command line says laid over each pool. */

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import { accountingOf } from '../core/accounting.ts'
import {
  type CallerSettings,
  type PoolSettings,
  type ProviderSettings,
  parseSettings,
  SCOPES,
  type Settings,
} from '../core/settings.ts'
import type { Options } from './options.ts'

export class BadConfig extends Error {
  readonly code = 'bad-config'
}

/** Who the development token stands for: may do everything, for everybody, on this machine only. */
export const DEVELOPER: CallerSettings = {
  role: 'arn:aws:iam::000000000000:role/fairlead-developer',
  id: 'developer',
  owner: 'developer',
  scopes: [...SCOPES],
  mayActFor: ['*'],
}

const OURS = fileURLToPath(new URL('../fairlead.config.ts', import.meta.url))

async function rawConfig(file: string | undefined): Promise<unknown> {
  const path = resolve(file ?? OURS)
  try {
    return path.endsWith('.json') ? JSON.parse(readFileSync(path, 'utf8')) : await exported(path)
  } catch (error) {
    // esbuild says on the first line that it failed, and on the second where and why.
    const why = (error as Error).message.replace(/^Transform failed.*\n/, '').split('\n')[0]
    throw new BadConfig(`${nameOf(file)} cannot be read: ${why}`)
  }
}

const nameOf = (file: string | undefined): string => file ?? 'fairlead.config.ts'

/** Imported so that TypeScript is read anywhere; outside a package of ES modules its exports arrive one level deeper. */
async function exported(path: string): Promise<unknown> {
  const found = ((await tsImport(pathToFileURL(path).href, import.meta.url)) as { default?: { default?: unknown } })
    .default
  if (found === undefined) throw new Error('it has no default export')
  return found.default ?? found
}

/** Configuration and command line together. Its first fault is thrown, as one line. */
export async function localSettings(options: Options): Promise<Settings> {
  const parsed = parseSettings(await rawConfig(options.config))
  if (!parsed.ok)
    throw new BadConfig(
      `${nameOf(options.config)}: ${parsed.faults[0]}${parsed.faults.length > 1 ? ` (and ${parsed.faults.length - 1} more)` : ''}`,
    )
  const pools = Object.fromEntries(
    Object.entries(parsed.settings.pools).map(([id, pool]) => [id, overlaid(pool, options)]),
  )
  return { ...parsed.settings, pools, callers: [...parsed.settings.callers, DEVELOPER] }
}

function overlaid(pool: PoolSettings, o: Options): PoolSettings {
  return {
    ...pool,
    requests: o.rpm ?? pool.requests,
    windowMs: o.windowMs ?? pool.windowMs,
    order: o.order ?? pool.order,
    pacing: o.burst ? 'burst' : pool.pacing,
    // One clock, one machine: no skew to guard against.
    guard: { ...pool.guard, skewMs: 0 },
    ...(o.modelUrl ? { local: 'provider' as const, provider: endpoint(pool.provider, o.modelUrl) } : {}),
  }
}

const endpoint = (configured: ProviderSettings, baseUrl: string): ProviderSettings => ({
  kind: 'openai-compatible',
  baseUrl,
  ...(configured.kind === 'openai-compatible' && configured.keyVariable ? { keyVariable: configured.keyVariable } : {}),
})

/** The same settings with the simulated provider in place. Its history is known to be empty, so no window is waited out. */
export const withSimulated = (settings: Settings, baseUrlOf: (pool: string) => string): Settings => ({
  ...settings,
  pools: Object.fromEntries(
    Object.entries(settings.pools).map(([id, pool]): [string, PoolSettings] => [
      id,
      pool.local === 'provider'
        ? pool
        : {
            ...pool,
            provider: { kind: 'openai-compatible', baseUrl: baseUrlOf(id) },
            accounting: accountingOf(pool),
            history: 'empty',
          },
    ]),
  ),
})

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** Pools whose calls would leave this machine. */
export const poolsOffThisMachine = (settings: Settings): string[] =>
  Object.entries(settings.pools).flatMap(([id, pool]) => {
    if (pool.local === 'simulated') return []
    const url = pool.provider.kind === 'bedrock' ? undefined : pool.provider.baseUrl
    return url !== undefined && LOOPBACK.test(new URL(url).hostname) ? [] : [id]
  })
