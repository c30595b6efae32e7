/** What `npm start` can be told. Parsed here and nowhere else; a fault is one line. */
import { parseArgs } from 'node:util'
import { WINDOW_AT_LEAST_MS, WINDOW_AT_MOST_MS } from '../core/settings.ts'

export const HELP = `Fairlead on one machine: the queue, its API and a simulated provider.

  npm start -- [options]

  --port N            port of the API (4100)
  --data DIR          where state is kept (.fairlead)
  --reset             forget all state first
  --empty             do not load the sample
  --sample FILE       load these jobs instead of the invented leads
  --model-url URL     an OpenAI-compatible endpoint instead of the simulated provider
  --config FILE       settings instead of fairlead.config.ts (.ts, .js or .json)
  --rpm N             requests per window, for every pool
  --window MS         the window, for every pool (60000)
  --order MODE        weighted, strict or owners
  --burst             offer free slots at once instead of evenly spaced
  --engine NAME       dynoxide or journal (what keeps the folder's state already,
                      else dynoxide if its binary is there)
  --once              exit when the sample has run
  --yes               answer yes where a start would ask
  --help              this text

A provider off this machine implies --empty. Ctrl-C stops cleanly; the next start goes on where it stopped.`

export interface Options {
  readonly port: number
  readonly data: string
  readonly reset: boolean
  readonly empty: boolean
  readonly sample?: string
  readonly modelUrl?: string
  readonly config?: string
  readonly rpm?: number
  readonly windowMs?: number
  readonly order?: 'weighted' | 'strict' | 'owners'
  readonly burst: boolean
  readonly engine?: 'dynoxide' | 'journal'
  readonly once: boolean
  readonly yes: boolean
}
export type Parsed = { kind: 'run'; options: Options } | { kind: 'help' } | { kind: 'fault'; line: string }

const FLAGS = {
  port: { type: 'string' },
  data: { type: 'string' },
  reset: { type: 'boolean' },
  empty: { type: 'boolean' },
  sample: { type: 'string' },
  'model-url': { type: 'string' },
  config: { type: 'string' },
  rpm: { type: 'string' },
  window: { type: 'string' },
  order: { type: 'string' },
  burst: { type: 'boolean' },
  engine: { type: 'string' },
  once: { type: 'boolean' },
  yes: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

class Fault extends Error {}

function whole(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const n = Number(text)
  if (!/^\d+$/.test(text) || n < least || n > most)
    throw new Fault(`--${name} takes a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
  return n
}

function oneOf<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  if (text === undefined || allowed.includes(text as T)) return text as T | undefined
  throw new Fault(`--${name} takes ${allowed.join(', ')}, not ${JSON.stringify(text)}`)
}

function url(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new Fault(`--model-url takes an http or https URL, not ${JSON.stringify(text)}`)
  return text
}

export function parseOptions(args: readonly string[]): Parsed {
  try {
    const { values } = parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false })
    if (values.help) return { kind: 'help' }
    const { sample, config } = values
    const optional = {
      sample,
      config,
      modelUrl: url(values['model-url']),
      rpm: whole('rpm', values.rpm, 1, 1_000_000),
      windowMs: whole('window', values.window, WINDOW_AT_LEAST_MS, WINDOW_AT_MOST_MS),
      order: oneOf('order', values.order, ['weighted', 'strict', 'owners'] as const),
      engine: oneOf('engine', values.engine, ['dynoxide', 'journal'] as const),
    }
    const given = Object.fromEntries(Object.entries(optional).filter(([, v]) => v !== undefined))
    const flags = ['reset', 'empty', 'burst', 'once', 'yes'] as const
    const options = {
      port: whole('port', values.port, 0, 65535) ?? 4100,
      data: values.data ?? '.fairlead',
      ...Object.fromEntries(flags.map((f) => [f, values[f] ?? false])),
      ...given,
    } as Options
    return { kind: 'run', options }
  } catch (error) {
    const said = error instanceof Fault ? error.message : (error as Error).message.split(/\.\s/)[0]
    return { kind: 'fault', line: `${said}. npm start -- --help lists the options.` }
  }
}
