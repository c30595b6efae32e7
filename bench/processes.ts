/** Provider and system as processes of their own, so that none measures itself. Both listen on loopback only. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ApiClient, apiClient } from '../local/api-client.ts'
import type { SystemAnswer, SystemOrder } from './system.ts'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
export const QUIET = {
  ...process.env,
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
  POWERTOOLS_LOG_LEVEL: 'ERROR',
}

export interface ProviderStats {
  readonly admitted: number
  readonly refused: number
  readonly worstWindow: number
  readonly repeated: number
}
export interface Provider {
  readonly url: string
  stats(): Promise<ProviderStats>
  stop(): Promise<void>
}

export async function startProvider(p: {
  requests: number
  windowMs: number
  latencyMs: number
  /** More of its flags (local/simulated-provider/main.ts). */
  flags?: readonly string[]
}): Promise<Provider> {
  const flags = ['--requests', p.requests, '--window', p.windowMs, '--latency', p.latencyMs, ...(p.flags ?? [])].map(
    String,
  )
  const main = file('../local/simulated-provider/main.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...flags, '--with-parent'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\S+/.exec(String(line))?.[0] as string
  return {
    url,
    stats: async () => (await (await fetch(new URL('/stats', url))).json()) as ProviderStats,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

export type Figures = Extract<SystemAnswer, { kind: 'figures' }>
export interface MeasuredSystem {
  readonly api: ApiClient
  /** For a load that is a process of its own. */
  readonly access: { readonly url: string; readonly token: string }
  /** ms from spawning the process until it could take work. */
  readonly startMs: number
  figures(): Promise<Figures>
  stop(): Promise<void>
}

export async function startMeasured(order: Omit<SystemOrder, 'data'>): Promise<MeasuredSystem> {
  const data = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const began = performance.now()
  const child = fork(file('./system.ts'), {
    execArgv: ['--import', 'tsx'],
    env: QUIET,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const answer = async <K extends SystemAnswer['kind']>(kind: K) => {
    const [said] = (await once(child, 'message')) as [SystemAnswer]
    if (said.kind !== kind) throw new Error(`expected ${kind}, heard ${said.kind}`)
    return said as Extract<SystemAnswer, { kind: K }>
  }
  child.send({ ...order, data } satisfies SystemOrder)
  const { url, token } = await answer('started')
  const startMs = performance.now() - began
  return {
    api: apiClient(url, token),
    access: { url, token },
    startMs,
    figures() {
      child.send('figures')
      return answer('figures')
    },
    async stop() {
      child.send('stop')
      await once(child, 'exit')
      rmSync(data, { recursive: true, force: true })
    },
  }
}
