/** `npm run put-back`: after a restore, gives the stack's own table what the restored one holds (docs/runbook.md). */
import { parseArgs } from 'node:util'
import { DynamoDBClient, ResourceNotFoundException } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { type Counted, putBack, StillHeld } from '../adapters/dynamodb/put-back.ts'

const HELP = `npm run put-back -- RESTORED TABLE [--write]

  RESTORED   the name of the table that a backup was restored to
  TABLE      the stack's own table, which is to hold the same
  --write    do it; without it nothing is changed, and what would be is counted
  --help     this

Stop the functions first: docs/runbook.md, after restoring a table from a backup. A run that was cut off is repeated.
Ledgers are not put back, and deleted where they stand. Credentials and region are those of the AWS command line.
`
const PROGRESS_EVERY_MS = 5_000

/** What was asked cannot be done; the message is one line that says why. */
class Fault extends Error {}

function asked(): { from: string; into: string; write: boolean } | undefined {
  const options = { write: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } as const
  const { values, positionals } = parseArgs({ allowPositionals: true, options })
  if (values.help) return undefined
  const [from, into, ...more] = positionals
  if (!from || !into || more.length > 0)
    throw new Fault('Two tables are needed: the restored one, and the one to put it into.')
  if (from === into) throw new Fault('These are one table: the first is the restored one, the second the stack’s.')
  return { from, into, write: values.write }
}

const line = ({ put, deleted, same, ledgers }: Counted): string =>
  `${put} put, ${deleted} deleted, ${same} the same, ${ledgers} ledgers left out`

async function main(): Promise<void> {
  const tables = asked()
  if (!tables) return void process.stdout.write(HELP)
  const db = DynamoDBDocumentClient.from(new DynamoDBClient({}))
  let saidAt = 0
  const told = (counted: Counted) => {
    if (Date.now() - saidAt < PROGRESS_EVERY_MS) return
    saidAt = Date.now()
    process.stderr.write(`${line(counted)}\n`)
  }
  const counted = await putBack(db, { ...tables, now: Date.now(), told })
  process.stdout.write(`${tables.into}: ${line(counted)}${tables.write ? '' : '. Nothing was changed: add --write.'}\n`)
}

const isUsage = ({ code }: NodeJS.ErrnoException): boolean => code?.startsWith('ERR_PARSE_ARGS') === true

function inOneLine(error: Error): string {
  if (error instanceof Fault) return error.message
  // Node's text goes on with advice about `--`, which is no help here.
  if (isUsage(error)) return `${error.message.split(/\.\s/)[0]}. --help lists the options.`
  if (error instanceof StillHeld)
    return `A dispatcher holds the pool ${error.pool}: stop the functions, wait a quarter of an hour, and begin again. Nothing was changed.`
  if (error instanceof ResourceNotFoundException) return 'There is no such table in this account and region.'
  return `${error.name}: ${error.message}`
}

main().catch((error: Error) => {
  process.stderr.write(`${inOneLine(error)}\n`)
  process.exitCode = error instanceof Fault || isUsage(error) ? 2 : 1
})
