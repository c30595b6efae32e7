/** `npm start`: options, data folder, provider, system, sample, display, and a clean end. */
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../core/settings.ts'
import { type ApiClient, apiClient } from './api-client.ts'
import { type DataFolder, takeDataFolder } from './data-folder.ts'
import { asLine, asTable, redrawer } from './display.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { pictureOf } from './picture.ts'
import { costOf, INVENTED_LEADS, readSample, type Sample, submitSample } from './sample.ts'
import { localSettings, poolsOffThisMachine, withSimulated } from './settings.ts'
import { type SimulatedProvider, simulatedProvider } from './simulated-provider.ts'
import { allRest, readAll, summaryOf } from './summary.ts'
import { type System, startSystem } from './system.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

interface Run {
  readonly options: Options
  readonly settings: Settings
  readonly system: System
  readonly api: ApiClient
  readonly providers: ReadonlyMap<string, SimulatedProvider>
  readonly pool: string
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args)
  if (parsed.kind === 'help') {
    say(HELP)
    return 0
  }
  if (parsed.kind === 'fault') {
    process.stderr.write(`${parsed.line}\n`)
    return 2
  }
  const { options } = parsed
  try {
    return await start(options)
  } catch (error) {
    process.stderr.write(`${oneLine(error, options)}\n`)
    return 1
  }
}

function oneLine(error: unknown, options: Options): string {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `Port ${options.port} is in use: stop what uses it, or start with --port N.`
  return code && !code.startsWith('ERR_') ? message : (stack ?? String(error))
}

async function start(options: Options): Promise<number> {
  const configured = await localSettings(options)
  const away = poolsOffThisMachine(configured)
  const wanted = !options.empty && (away.length === 0 || options.sample !== undefined)
  const sample = wanted ? readSample(options.sample ?? INVENTED_LEADS, configured) : undefined
  if (sample && away.length > 0 && !(await agreed(sample, configured, away, options))) return 1
  const folder = await takeDataFolder(options.data, { reset: options.reset })
  const providers = await startProviders(configured)
  try {
    const settings = withSimulated(configured, (pool) => providers.get(pool)?.url ?? '')
    return await serve({ options, settings, sample, folder, providers })
  } finally {
    folder.release()
    await Promise.all([...providers.values()].map((p) => p.close()))
  }
}

async function startProviders(settings: Settings): Promise<Map<string, SimulatedProvider>> {
  const started = new Map<string, SimulatedProvider>()
  for (const [id, pool] of Object.entries(settings.pools))
    if (pool.local === 'simulated')
      started.set(
        id,
        await simulatedProvider({
          requests: pool.requests,
          windowMs: pool.windowMs,
          ...(pool.tokens ? { tokens: pool.tokens } : {}),
        }),
      )
  return started
}

/** Nothing is spent without a yes: calls and tokens first, then the question. */
async function agreed(sample: Sample, settings: Settings, away: readonly string[], options: Options): Promise<boolean> {
  const { calls, tokensAtMost } = costOf(sample, settings)
  const prices = away.map((id) => settings.pools[id]?.pricePerMillionTokens)
  const price = prices.includes(undefined) ? undefined : Math.max(...(prices as number[]))
  const cost =
    price === undefined
      ? "cost unknown (set the pool's pricePerMillionTokens to see it)"
      : `at most $${((tokensAtMost * price) / 1e6).toFixed(2)}`
  say(
    `This sends ${calls} calls with at most ${tokensAtMost} tokens to a provider off this machine (pool ${away.join(', ')}): ${cost}.`,
  )
  if (options.yes) return true
  if (!process.stdin.isTTY) {
    process.stderr.write('Not sent: nobody is there to agree. Start with --yes to agree in advance, or with --empty.\n')
    return false
  }
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await prompt.question('Send them? [y/N] ')
  prompt.close()
  return /^y(es)?$/i.test(answer.trim())
}

async function serve(p: {
  options: Options
  settings: Settings
  sample: Sample | undefined
  folder: DataFolder
  providers: ReadonlyMap<string, SimulatedProvider>
}): Promise<number> {
  const { options, settings, folder, providers } = p
  const system = await startSystem({
    settings,
    folder,
    port: options.port,
    ...(options.engine ? { engine: options.engine } : {}),
  })
  const stopping = stopOnSignals(system)
  const api = apiClient(system.url, system.token)
  const pool = Object.keys(settings.pools)[0] as string
  say(`Fairlead serves ${system.url}  (state: ${system.engine}, in ${options.data})`)
  say(`  export FAIRLEAD_TOKEN=${system.token}`)
  say(
    providers.size > 0
      ? "  The provider is simulated: no call leaves this machine, and its text is not a model's."
      : '  Calls go to the configured provider.',
  )
  const run: Run = { options, settings, system, api, providers, pool }
  try {
    if (p.sample) await runSample(run, p.sample, stopping.signal)
    if (!options.once && !stopping.signal.aborted) {
      say(`Serving until Ctrl-C. Submit work with the commands in README.md.`)
      await aborted(stopping.signal)
    }
  } finally {
    await system.stop()
  }
  if (stopping.signal.aborted) say('Stopped. The next start goes on from here.')
  return 0
}

const REDRAW_MS = 500
const LINE_MS = 5_000
const CHECK_MS = 1_000

async function runSample({ api, pool, providers }: Run, sample: Sample, signal: AbortSignal): Promise<void> {
  const began = Date.now()
  const ids = await submitSample(api, sample)
  const tty = process.stdout.isTTY === true
  const draw = tty ? redrawer((text) => process.stdout.write(text)) : say
  const every = tty ? REDRAW_MS : LINE_MS
  let drawAt = 0
  while (!signal.aborted) {
    const picture = await pictureOf(api, pool, providers.get(pool))
    if (Date.now() >= drawAt) {
      draw(tty ? asTable(picture) : asLine(picture))
      drawAt = Date.now() + every
    }
    const busy =
      picture.overview === null || Object.values(picture.overview.tiers).some((t) => t.queued + t.running > 0)
    if (!busy) {
      const rows = await readAll(api, ids)
      if (allRest(rows)) return say(`\n${summaryOf(rows, providers.get(pool), (Date.now() - began) / 1000)}`)
    }
    await sleep(tty ? REDRAW_MS : CHECK_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** The first signal stops cleanly: running calls settle. A second one ends at once; nothing accepted is lost by it. */
function stopOnSignals(system: System): AbortController {
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(130)
    stopping.abort()
    process.stderr.write('\nStopping: running calls settle first. Press Ctrl-C again to end at once.\n')
    void system.stop()
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
