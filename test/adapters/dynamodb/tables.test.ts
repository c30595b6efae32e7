/** What the SDK is told, and what is done where its own retries end. */
import { TransactionConflictException } from '@aws-sdk/client-dynamodb'
import { BatchGetCommand, BatchWriteCommand, TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { batchGet, batchWrite } from '../../../adapters/dynamodb/batches.ts'
import { dynamoTables, transact, write } from '../../../adapters/dynamodb/tables.ts'
import { LOCAL_ACCESS } from '../../../local/engine/tables.ts'
import { aRunning } from '../../support/records.ts'
import { canceled, mocked, NAMES } from './mocked.ts'

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(() => vi.unstubAllEnvs())

const token = (call: { args: [{ input: { ClientRequestToken?: string | undefined } }] }) =>
  call.args[0].input.ClientRequestToken
const conflict = canceled([{ Code: 'TransactionConflict' }])
const conflicted = new TransactionConflictException({ $metadata: {}, message: 'a transaction runs' })

describe('a transaction', () => {
  it('is tried again under its token after a conflict, and no other shares it', async () => {
    const { mock, tables } = mocked()
    mock.on(TransactWriteCommand).rejectsOnce(conflict).rejectsOnce(conflict).resolves({})
    expect(await transact(tables, [])).toEqual({ done: true })
    expect(await transact(tables, [])).toEqual({ done: true })
    const [first, second, third, another] = mock.commandCalls(TransactWriteCommand).map(token)
    expect(first).toBeTruthy()
    expect([second, third]).toEqual([first, first])
    expect(another).not.toBe(first)
  })

  it('is given up after six conflicts', async () => {
    const { mock, tables } = mocked()
    mock.on(TransactWriteCommand).rejects(conflict)
    await expect(transact(tables, [])).rejects.toBe(conflict)
    expect(mock.calls()).toHaveLength(6)
  })

  it('hands back what stood, whichever condition failed, out of the wire’s form', async () => {
    const { mock, tables } = mocked()
    const stood = { pk: 'a', sk: 'b', fence: 3, bytes: Uint8Array.of(1, 2), list: [{ deep: true }] }
    const reasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', item: stood }]
    mock.on(TransactWriteCommand).rejects(canceled(reasons))
    expect(await transact(tables, [])).toEqual({ done: false, failed: [false, true], items: [undefined, stood] })
  })
})

describe('a single write', () => {
  it('that met a transaction is tried again, six times at most', async () => {
    const send = vi.fn().mockRejectedValueOnce(conflicted).mockResolvedValueOnce('landed')
    expect(await write(send)).toBe('landed')
    const never = vi.fn().mockRejectedValue(conflicted)
    await expect(write(never)).rejects.toBe(conflicted)
    expect(never).toHaveBeenCalledTimes(6)
  })

  it('that failed otherwise is not', async () => {
    const send = vi.fn().mockRejectedValue(new Error('no'))
    await expect(write(send)).rejects.toThrow('no')
    expect(send).toHaveBeenCalledTimes(1)
  })

  it('of a job goes this way', async () => {
    const { mock, jobs } = mocked()
    mock.on(UpdateCommand).rejectsOnce(conflicted).resolves({})
    expect(await jobs.requestCancel({ record: aRunning() })).toBe('asked')
  })
})

describe('a batch', () => {
  const keys = ['a', 'b', 'c'].map((sk) => ({ pk: 'lane', sk }))
  const [a, b, c] = keys.map((key) => ({ ...key, found: true }))

  it('of writes sends again alone what was handed back', async () => {
    const { mock, tables } = mocked()
    const rest = [{ DeleteRequest: { Key: keys[1] } }]
    mock
      .on(BatchWriteCommand)
      .resolvesOnce({ UnprocessedItems: { Rings: rest } })
      .resolves({})
    await batchWrite(
      tables,
      'rings',
      keys.map((key) => ({ delete: key })),
    )
    expect(mock.commandCalls(BatchWriteCommand).at(1)?.args[0].input).toEqual({ RequestItems: { Rings: rest } })
    expect(mock.calls()).toHaveLength(2)
  })

  it('of reads asks again alone for what was left out, and answers in order', async () => {
    const { mock, tables } = mocked()
    mock
      .on(BatchGetCommand)
      .resolvesOnce({ Responses: { Live: [c, b] as never }, UnprocessedKeys: { Live: { Keys: [keys[0]] as never } } })
      .resolves({ Responses: { Live: [a] as never } })
    expect(await batchGet(tables, 'live', keys)).toEqual([a, b, c])
    const again = mock.commandCalls(BatchGetCommand).at(1)?.args[0].input
    expect(again).toEqual({ RequestItems: { Live: { Keys: [keys[0]], ConsistentRead: true } } })
  })

  it('is given up after eight times, and says so', async () => {
    const { mock, tables } = mocked()
    mock.on(BatchWriteCommand).resolves({ UnprocessedItems: { Rings: [{ DeleteRequest: { Key: keys[0] } }] } })
    mock.on(BatchGetCommand).resolves({ UnprocessedKeys: { Live: { Keys: [keys[0]] as never } } })
    await expect(batchWrite(tables, 'rings', [])).resolves.toBeUndefined()
    await expect(batchWrite(tables, 'rings', [{ delete: { pk: 'x', sk: 'y' } }])).rejects.toThrow('1 writes to Rings')
    await expect(batchGet(tables, 'live', keys)).rejects.toThrow('1 reads of live were not answered')
    expect(mock.calls()).toHaveLength(16)
  })
})

describe('the client', () => {
  it('of an endpoint is shown the credentials that came with it, whatever stands in the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'real')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'real')
    vi.stubEnv('AWS_SESSION_TOKEN', 'real')
    vi.stubEnv('AWS_REGION', 'eu-central-1')
    const { db } = dynamoTables({ name: NAMES, endpoint: 'http://127.0.0.1:9', ...LOCAL_ACCESS })
    expect(await db.config.credentials()).toMatchObject(LOCAL_ACCESS.credentials)
    expect((await db.config.credentials()).sessionToken).toBeUndefined()
    expect(await db.config.region()).toBe('local')
  })

  it('keeps no step that shows inputs and outputs to a logger', () => {
    const steps = dynamoTables({ name: NAMES }).db.middlewareStack.identify()
    expect(steps.join()).toContain('retryMiddleware')
    expect(steps.join()).not.toContain('loggerMiddleware')
  })

  it('tries four times', async () => {
    expect(await dynamoTables({ name: NAMES }).db.config.maxAttempts()).toBe(4)
  })
})
