/** Provider and system as processes of their own, so that none measures itself. Both listen on loopback only. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ApiClient, apiClient } from '../local/api-client.ts'
import type { Change } from '../local/simulated-provider.ts'
import { rssMbOf } from './memory.ts'
import type { Metered } from './metering.ts'
import type { PlantOrder } from './plant.ts'
import type { Called, ProviderAnswer, ProviderOrder } from './provider.ts'
import type { SystemAnswer, SystemAsk, SystemOrder } from './system.ts'
import type { Seen } from './watching.ts'

export const QUIET = {
  ...process.env,
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
  POWERTOOLS_LOG_LEVEL: 'ERROR',
}

/** A module of this folder, in a process that ends with ours. */
const forked = (module: string): ChildProcess =>
  fork(fileURLToPath(new URL(module, import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    env: QUIET,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })

type Answer<T extends { kind: string }, K extends T['kind']> = Extract<T, { kind: K }>

/** The next answer of a kind; a child that dies instead is an error. */
function heard<T extends { kind: string }, K extends T['kind']>(child: ChildProcess, kind: K): Promise<Answer<T, K>> {
  return new Promise((resolve, reject) => {
    const died = () => reject(new Error(`a process of the benchmark ended where it should have said ${kind}`))
    const listen = (answer: T) => {
      if (answer.kind !== kind) return
      child.off('message', listen)
      child.off('exit', died)
      resolve(answer as Answer<T, K>)
    }
    child.on('message', listen)
    child.once('exit', died)
  })
}

export interface ProviderStats {
  readonly admitted: number
  readonly refused: number
  readonly worstWindow: number
  /** The most that any window held of each limit, as a share of it. */
  readonly worst: Readonly<Record<string, number>>
  readonly repeated: number
}
export interface Provider {
  readonly url: string
  stats(): Promise<ProviderStats>
  /** What befalls it from now on. */
  change(change: Change): void
  stop(): Promise<void>
}

export async function startProvider(
  order: ProviderOrder,
  onCall: (call: Called) => void = () => undefined,
): Promise<Provider> {
  const child = forked('./provider.ts')
  const listening = heard<ProviderAnswer, 'listening'>(child, 'listening')
  child.on('message', (answer: ProviderAnswer) => answer.kind === 'called' && onCall(answer))
  child.send(order)
  const { url } = await listening
  return {
    url,
    stats: async () => (await (await fetch(new URL('/stats', url))).json()) as ProviderStats,
    change: (change) => void child.send(change),
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

export interface MeasuredSystem {
  readonly api: ApiClient
  /** For a load that is a process of its own. */
  readonly access: { readonly url: string; readonly token: string }
  /** ms from spawning the process until it could take work. */
  readonly startMs: number
  /** Of the system's process and every one it started, its database engine among them. */
  rssMb(): number
  figures(): Promise<Answer<SystemAnswer, 'figures'>>
  /** The same of a system that is metered. */
  metered(): Promise<Metered>
  stop(): Promise<void>
}

export async function startMeasured(
  order: Omit<SystemOrder, 'data' | 'planted'> & { plant?: Omit<PlantOrder, 'data'> },
  onSeen: (seen: Seen) => void = () => undefined,
): Promise<MeasuredSystem> {
  const { plant, ...rest } = order
  const data = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const forget = () => rmSync(data, { recursive: true, force: true })
  process.once('exit', forget)
  if (plant) await planted({ ...plant, data })
  const began = performance.now()
  const child = forked('./system.ts')
  const started = heard<SystemAnswer, 'started'>(child, 'started')
  child.on('message', (answer: SystemAnswer) => {
    if (answer.kind !== 'started' && answer.kind !== 'figures') onSeen(answer)
  })
  child.send({ ...rest, data, planted: plant !== undefined } satisfies SystemOrder)
  const { url, token } = await started
  const startMs = performance.now() - began
  const figures = () => {
    const answer = heard<SystemAnswer, 'figures'>(child, 'figures')
    child.send('figures' satisfies SystemAsk)
    return answer
  }
  return {
    api: apiClient(url, token),
    access: { url, token },
    startMs,
    rssMb: () => rssMbOf(child.pid as number),
    figures,
    metered: async () => (await figures()).metered as Metered,
    async stop() {
      child.send('stop' satisfies SystemAsk)
      await once(child, 'exit')
      process.off('exit', forget)
      forget()
    },
  }
}

async function planted(order: PlantOrder): Promise<void> {
  const child = forked('./plant.ts')
  child.send(order)
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error('what a scenario starts from could not be planted')
}
