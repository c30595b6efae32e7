/** The `fairlead` command, thin: submit a job, get a job. It speaks the HTTP API and nothing else. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ApiClient, ApiProblem, apiClient } from '../local/api-client.ts'
import { printable, printableLine } from '../local/printable.ts'

const HELP = `fairlead: submit jobs to a Fairlead and read them.

  fairlead submit KIND --input JSON|@FILE [--owner NAME] [--start-at ISO] [--key KEY]
      prints the job's id; a repeat under the same key answers with the first job
  fairlead get JOB_ID [--wait SECONDS]
      prints its state, why it waits, and its draft or result; waits at most 25 s

  --url URL    the API (FAIRLEAD_URL, or http://127.0.0.1:4100)
  --json       print the whole answer as JSON
  --help       this text

The token is read from FAIRLEAD_TOKEN; npm start prints it.`

class Usage extends Error {}
/** Nobody answered: neither the caller's mistake nor the API's refusal. */
class Unreachable extends Error {}

const OPTIONS = {
  input: { type: 'string' },
  owner: { type: 'string' },
  'start-at': { type: 'string' },
  key: { type: 'string' },
  wait: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const
type Values = ReturnType<typeof parsed>['values']

const parsed = (args: string[]) => parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true })

interface Command {
  run(subject: string | undefined, values: Values): Promise<unknown>
  shown(answer: unknown): string
}
const COMMANDS = new Map<string, Command>([
  ['submit', { run: submit, shown: (answer) => (answer as { id: string }).id }],
  ['get', { run: get, shown: shownJob }],
])

async function submit(kind: string | undefined, values: Values): Promise<unknown> {
  if (!kind) throw new Usage('submit needs a kind, as in: fairlead submit agent-step --input \'{"prompt": "..."}\'')
  const body = { kind, input: inputOf(values.input), owner: values.owner, startAt: values['start-at'] }
  return asked(values, (api) => api.post('/v1/jobs', body, values.key ? { 'idempotency-key': values.key } : {}))
}

function inputOf(text: string | undefined): unknown {
  if (text === undefined) throw new Usage('submit needs --input, as JSON or as @FILE.')
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text)
  } catch (error) {
    throw new Usage(`--input cannot be read as JSON: ${(error as Error).message}.`)
  }
}

async function get(id: string | undefined, values: Values): Promise<unknown> {
  if (!id) throw new Usage('get needs a job id.')
  const wait = values.wait === undefined ? '' : `?wait=${encodeURIComponent(values.wait)}`
  return asked(values, (api) => api.get(`/v1/jobs/${encodeURIComponent(id)}${wait}`))
}

async function asked(values: Values, ask: (api: ApiClient) => Promise<unknown>): Promise<unknown> {
  const token = process.env['FAIRLEAD_TOKEN']
  if (!token) throw new Usage('FAIRLEAD_TOKEN is not set: npm start prints the line that sets it.')
  const url = values.url ?? process.env['FAIRLEAD_URL'] ?? 'http://127.0.0.1:4100'
  if (!URL.canParse(url)) throw new Usage(`${JSON.stringify(url)} is not a URL.`)
  try {
    return await ask(apiClient(url, token))
  } catch (error) {
    if (error instanceof ApiProblem) throw error
    const { code, message } = ((error as Error).cause ?? error) as { code?: string; message: string }
    throw new Unreachable(
      `Nothing answers at ${url} (${code ?? message}): is Fairlead started (npm start), and is the URL right?`,
    )
  }
}

function shownJob(answer: unknown): string {
  const job = answer as {
    id: string
    state: string
    reason?: string
    waiting?: { sentence: string }
    draft?: { text: string }
    result?: string
  }
  return [`${job.id}  ${job.state}`, job.reason, job.waiting?.sentence, job.result ?? job.draft?.text]
    .filter((line) => line !== undefined)
    .join('\n')
}

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(args)
    const [name, subject, ...rest] = positionals
    if (values.help || name === undefined) {
      process.stdout.write(`${HELP}\n`)
      return values.help ? 0 : 2
    }
    const command = COMMANDS.get(name)
    if (!command) throw new Usage(`There is no command ${JSON.stringify(name)}.`)
    if (rest.length > 0) throw new Usage(`${JSON.stringify(rest[0])} is one word too many.`)
    const answer = await command.run(subject, values)
    // What printable writes for a control character is what JSON writes, too.
    process.stdout.write(`${printable(values.json ? JSON.stringify(answer, null, 2) : command.shown(answer))}\n`)
    return 0
  } catch (error) {
    return fault(error as Error)
  }
}

/** 1: no answer, or one that says no. 2: this command cannot be run. */
function fault(error: Error & { code?: string }): number {
  const answered = error instanceof ApiProblem || error instanceof Unreachable
  // parseArgs explains at length, over several sentences; the first says what is wrong.
  const line = error.code?.startsWith('ERR_PARSE_ARGS') ? `${error.message.split(/\.\s/)[0]}.` : error.message
  process.stderr.write(`${printableLine(line)}${answered ? '' : ' fairlead --help shows how.'}\n`)
  return answered ? 1 : 2
}

process.exitCode = await main(process.argv.slice(2))
