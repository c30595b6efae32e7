/** The `fairlead` command, thin: submit a job, get a job. It speaks the HTTP API and nothing else. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ApiProblem, apiClient } from '../local/api-client.ts'
import { printable } from '../local/printable.ts'

const HELP = `fairlead: submit jobs to a Fairlead and read them.

  fairlead submit KIND --input JSON|@FILE [--owner NAME] [--start-at ISO] [--key KEY]
  fairlead get JOB_ID [--wait SECONDS]

  --url URL    the API (FAIRLEAD_URL, or http://127.0.0.1:4100)
  --json       print the whole answer as JSON
  --help       this text

The token is read from FAIRLEAD_TOKEN; npm start prints it.`

class Usage extends Error {}

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

function client(values: Values) {
  const token = process.env['FAIRLEAD_TOKEN']
  if (!token) throw new Usage('FAIRLEAD_TOKEN is not set: npm start prints the line that sets it.')
  return apiClient(values.url ?? process.env['FAIRLEAD_URL'] ?? 'http://127.0.0.1:4100', token)
}

function inputOf(text: string | undefined): unknown {
  if (text === undefined) throw new Usage('submit needs --input, as JSON or as @FILE.')
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text)
  } catch (error) {
    throw new Usage(`--input cannot be read as JSON: ${(error as Error).message}`)
  }
}

async function submit(kind: string | undefined, values: Values): Promise<unknown> {
  if (!kind) throw new Usage('submit needs a kind, as in: fairlead submit agent-step --input \'{"prompt": "..."}\'')
  const body = { kind, input: inputOf(values.input), owner: values.owner, startAt: values['start-at'] }
  return client(values).post('/v1/jobs', body, values.key ? { 'idempotency-key': values.key } : {})
}

async function get(id: string | undefined, values: Values): Promise<unknown> {
  if (!id) throw new Usage('get needs a job id.')
  const wait = values.wait === undefined ? '' : `?wait=${encodeURIComponent(values.wait)}`
  return client(values).get(`/v1/jobs/${encodeURIComponent(id)}${wait}`)
}

function shown(answer: unknown): string {
  const job = answer as {
    id: string
    state?: string
    waiting?: { sentence: string }
    draft?: { text: string }
    result?: string
  }
  const text = job.result ?? job.draft?.text
  return [`${job.id}  ${job.state ?? 'accepted'}`, job.waiting?.sentence, text]
    .filter(Boolean)
    .map((l) => printable(l as string))
    .join('\n')
}

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(args)
    const [command, subject] = positionals
    if (values.help || command === undefined) {
      process.stdout.write(`${HELP}\n`)
      return values.help ? 0 : 2
    }
    const run = { submit, get }[command]
    if (!run) throw new Usage(`There is no command ${JSON.stringify(command)}.`)
    const answer = await run(subject, values)
    process.stdout.write(`${values.json ? JSON.stringify(answer, null, 2) : shown(answer)}\n`)
    return 0
  } catch (error) {
    return fault(error as Error)
  }
}

function fault(error: Error & { code?: string; cause?: unknown }): number {
  const unreachable = (error.cause as { code?: string } | undefined)?.code === 'ECONNREFUSED'
  const usage = error instanceof Usage || error.code?.startsWith('ERR_PARSE_ARGS')
  const line = unreachable
    ? 'Nothing answers there: is Fairlead started (npm start), and is --url right?'
    : error.message
  process.stderr.write(`${printable(line)}${usage ? ' fairlead --help shows how.' : ''}\n`)
  return error instanceof ApiProblem || unreachable ? 1 : 2
}

process.exitCode = await main(process.argv.slice(2))
