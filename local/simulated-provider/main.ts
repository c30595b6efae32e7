/**
 * The simulated provider as a process of its own, for benchmarks and for tests that kill things. It prints
 * `listening <base URL>` when it is ready, and ends on SIGTERM, or, with --with-parent, when the process that holds its
 * stdin is gone.
 */
import { parseArgs } from 'node:util'
import { type SimulatedProviderOptions, simulatedProvider } from '../simulated-provider.ts'
import { COUNTINGS } from './counting.ts'

const USAGE =
  'usage: main.ts [--port N] [--requests N] [--tokens N] [--input-tokens N] [--output-tokens N] [--concurrency N] [--counting total|openai|anthropic|bedrock] [--window MS] [--latency MS] [--seed N] [--log FILE] [--refused-count] [--with-parent]'

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string' },
    requests: { type: 'string', default: '300' },
    tokens: { type: 'string' },
    'input-tokens': { type: 'string' },
    'output-tokens': { type: 'string' },
    concurrency: { type: 'string' },
    counting: { type: 'string', default: 'total' },
    window: { type: 'string', default: '60000' },
    latency: { type: 'string' },
    seed: { type: 'string' },
    log: { type: 'string' },
    'refused-count': { type: 'boolean', default: false },
    'with-parent': { type: 'boolean', default: false },
  },
})

const numeric = [
  'port',
  'requests',
  'tokens',
  'input-tokens',
  'output-tokens',
  'concurrency',
  'window',
  'latency',
  'seed',
] as const
for (const flag of numeric)
  if (!/^\d+$/.test(flags[flag] ?? '0')) {
    console.error(`--${flag} takes a whole number\n${USAGE}`)
    process.exit(2)
  }
const counting = COUNTINGS.find((known) => known === flags.counting)
if (!counting) {
  console.error(`--counting takes one of ${COUNTINGS.join(', ')}\n${USAGE}`)
  process.exit(2)
}

const provider = await simulatedProvider(optionsFrom())
console.log(`listening ${provider.url}`)

const end = () => void provider.close().then(() => process.exit(0))
process.once('SIGTERM', end)
process.once('SIGINT', end)
if (flags['with-parent']) process.stdin.once('close', end).once('end', end).resume()

function optionsFrom(): SimulatedProviderOptions {
  const { port, tokens, concurrency, latency, seed, log } = flags
  const { 'input-tokens': inputTokens, 'output-tokens': outputTokens } = flags
  return {
    requests: Number(flags.requests),
    refusedCount: flags['refused-count'],
    windowMs: Number(flags.window),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(counting === undefined ? {} : { counting }),
    ...(tokens === undefined ? {} : { tokens: Number(tokens) }),
    ...(inputTokens === undefined ? {} : { inputTokens: Number(inputTokens) }),
    ...(outputTokens === undefined ? {} : { outputTokens: Number(outputTokens) }),
    ...(concurrency === undefined ? {} : { concurrency: Number(concurrency) }),
    ...(latency === undefined ? {} : { latency: () => Number(latency) }),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(log === undefined ? {} : { logFile: log }),
  }
}
