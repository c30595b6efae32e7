/** `npm start`: options, data folder, provider, system, sample, and a clean end. */
import { callIn, type Settings } from '../core/settings.ts'
import { apiClient } from './api-client.ts'
import { agreed, agreedToLeft, NotAgreed } from './consent.ts'
import { type DataFolder, takeDataFolder } from './data-folder.ts'
import { keepHeapSmall } from './heap.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import type { Pool } from './picture.ts'
import { printable, printableLine } from './printable.ts'
import { runSample } from './run-sample.ts'
import { INVENTED_LEADS, readSample, type Sample } from './sample.ts'
import { localSettings, poolsOffThisMachine, withSimulated } from './settings.ts'
import { limitsOf } from './simulated-limits.ts'
import { type SimulatedProvider, simulatedProvider } from './simulated-provider.ts'
import type { System } from './system.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(args: readonly string[]): Promise<number> {
  keepHeapSmall()
  const parsed = parseOptions(args)
  if (parsed.kind === 'help') {
    say(HELP)
    return 0
  }
  if (parsed.kind === 'fault') {
    process.stderr.write(`${printableLine(parsed.line)}\n`)
    return 2
  }
  const { options } = parsed
  try {
    return await start(options)
  } catch (error) {
    if (!(error instanceof NotAgreed)) process.stderr.write(`${faultOf(error, options)}\n`)
    return 1
  }
}

/** A line for what a user can mend; a stack for what only we can. */
function faultOf(error: unknown, options: Options): string {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `Port ${options.port} is in use: stop what uses it, or start with --port N.`
  return code && !code.startsWith('ERR_') ? printableLine(message) : printable(stack ?? String(error))
}

async function start(options: Options): Promise<number> {
  const configured = await localSettings(options)
  const away = poolsOffThisMachine(configured)
  const wanted = !options.empty && (away.length === 0 || options.sample !== undefined)
  const sample = wanted ? readSample(options.sample ?? INVENTED_LEADS, configured) : undefined
  if (sample && away.length > 0 && !(await agreed({ sample, settings: configured, away, yes: options.yes }))) return 1
  const folder = await takeDataFolder(options.data, { reset: options.reset })
  const providers = await startProviders(configured)
  try {
    const settings = withSimulated(configured, (pool) => providers.get(pool)?.url ?? '')
    return await serve({ options, settings, sample, folder, away, providers })
  } finally {
    folder.release()
    await Promise.all([...providers.values()].map((p) => p.close()))
  }
}

async function startProviders(settings: Settings): Promise<Map<string, SimulatedProvider>> {
  const started = new Map<string, SimulatedProvider>()
  for (const [id, pool] of Object.entries(settings.pools))
    if (pool.local === 'simulated') started.set(id, await simulatedProvider(limitsOf(pool, modelsOf(settings, id))))
  return started
}

const modelsOf = ({ kinds, pools }: Settings, pool: string): string[] => [
  ...Object.values(kinds).flatMap((kind) => callIn(kind, pool)?.model ?? []),
  ...(pools[pool]?.people?.models ?? []),
]

interface Run {
  readonly options: Options
  readonly settings: Settings
  readonly sample: Sample | undefined
  readonly folder: DataFolder
  /** Pools whose calls leave this machine. */
  readonly away: readonly string[]
  readonly providers: ReadonlyMap<string, SimulatedProvider>
}

async function serve(run: Run): Promise<number> {
  const { options, settings, folder, sample, away } = run
  const stopping = stopOnSignals()
  // Most of what there is to load: a start that is refused, and `--help`, say so without it.
  const { startSystem } = await import('./system.ts')
  const { leftOver, noteAway } = await import('./left-over.ts')
  const system = await startSystem({
    settings,
    folder,
    port: options.port,
    ...(options.engine ? { engine: options.engine } : {}),
    async mayBegin(deps) {
      const jobs = await leftOver(deps, { folder: folder.path, away })
      if (!(await agreedToLeft({ jobs, away, yes: options.yes }))) return false
      noteAway(folder.path, away)
      return true
    },
  })
  stopping.signal.addEventListener('abort', () => void system.stop(), { once: true })
  say(banner(run, system))
  try {
    if (sample && !stopping.signal.aborted) {
      const api = apiClient(system.url, system.token)
      await runSample({ api, pool: poolOf(sample, run), sample }, stopping.signal)
    }
    if (!options.once && !stopping.signal.aborted) {
      say('Serving until Ctrl-C. README.md shows how to submit a job.')
      await aborted(stopping.signal)
    }
  } finally {
    await system.stop()
  }
  if (stopping.signal.aborted) say('Stopped. The next start goes on from here.')
  return 0
}

function banner({ options, settings, providers }: Run, system: System): string {
  const urls = Object.keys(settings.pools).map((id) => (providers.has(id) ? undefined : providerOf(settings, id)))
  const away = [...new Set(urls.filter((url) => url !== undefined))]
  return [
    `Fairlead serves ${system.url}`,
    `  state: ${options.data}, kept by ${system.engine}`,
    ...(providers.size > 0 ? ['  provider: simulated: no call leaves this machine, no model writes the text'] : []),
    ...(away.length > 0 ? [`  provider: ${away.join(', ')}`] : []),
    '  For the commands of README.md:',
    `  export FAIRLEAD_TOKEN=${system.token}`,
    '',
  ].join('\n')
}

function providerOf(settings: Settings, pool: string): string | undefined {
  const provider = settings.pools[pool]?.provider
  return provider?.kind === 'openai-compatible' ? provider.baseUrl : provider?.kind
}

/** The pool whose picture is shown: that of the sample's first job. */
function poolOf(sample: Sample, { settings, providers }: Run): Pool {
  const [first] = sample.jobs
  const id = settings.kinds[first?.kind ?? '']?.pool as string
  const provider = providers.get(id)
  return { id, settings: settings.pools[id] as Settings['pools'][string], ...(provider ? { provider } : {}) }
}

/** The first signal stops cleanly: running calls settle. A second one ends at once; nothing accepted is lost by it. */
function stopOnSignals(): AbortController {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(130)
    process.stderr.write('\nStopping: running calls settle first. Press Ctrl-C again to end at once.\n')
    stopping.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return stopping
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

process.exitCode = await main(process.argv.slice(2))
// The SDK's idle sockets would keep the process for seconds.
process.exit()
