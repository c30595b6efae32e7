/**
 * The functions as compose.ts makes them, on an embedded engine, each with a recorder between it and its tables. Time
 * jumps to whatever is waited for; the worker runs while the dispatcher waits.
 */

import type { Context, SQSEvent } from 'aws-lambda'
import { dynamoCapacityStore } from '../../adapters/dynamodb/capacity-store.ts'
import { dynamoJobStore } from '../../adapters/dynamodb/job-store.ts'
import { dynamoPeopleStore } from '../../adapters/dynamodb/people-store.ts'
import { dynamoRingStore } from '../../adapters/dynamodb/ring-store.ts'
import { dynamoTables, type Tables } from '../../adapters/dynamodb/tables.ts'
import type { Settings } from '../../core/settings.ts'
import { apiApp } from '../../lambdas/api.ts'
import { approvalApp } from '../../lambdas/approval.ts'
import { chatApp } from '../../lambdas/chat.ts'
import { type DispatchEvent, dispatcherHandler } from '../../lambdas/dispatcher.ts'
import { removalsHandler } from '../../lambdas/removals.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { workerHandler } from '../../lambdas/worker.ts'
import type { FunctionName } from '../../lib/grants.ts'
import type { TableAction } from '../../lib/tables.ts'
import { createTables, LOCAL_ACCESS } from '../../local/engine/tables.ts'
import { Doorbell } from '../../services/doorbell.ts'
import type { JobMessage, ModelPort } from '../../services/ports.ts'
import { FakeChat } from '../support/fake-chat.ts'
import { seededRandom } from '../support/seeded-random.ts'

export type Used = Record<string, TableAction[]>

/** A dispatcher with nothing on its way looks ten times a second; here it oversleeps, which costs it slots only. */
const IDLE_STEP_MS = 900

const NAMES = { live: 'live', jobs: 'jobs', rings: 'rings', capacity: 'capacity', approvals: 'approvals' }
const SINGLE: Readonly<Record<string, TableAction>> = {
  GetCommand: 'GetItem',
  PutCommand: 'PutItem',
  UpdateCommand: 'UpdateItem',
  DeleteCommand: 'DeleteItem',
  QueryCommand: 'Query',
  ScanCommand: 'Scan',
}
const IN_TRANSACTION: Readonly<Record<string, TableAction>> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
}

const APPS = { api: apiApp, approval: approvalApp, chat: chatApp }

interface Input {
  readonly TableName?: string
  readonly RequestItems?: object
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName: string }>>[]
}

/** What IAM asks for one request: a transaction needs the permission of each of its parts. */
function asked(command: string, input: Input): [string, TableAction][] {
  const single = SINGLE[command]
  if (single) return [[input.TableName ?? '', single]]
  if (command === 'TransactWriteCommand')
    return (input.TransactItems ?? []).flatMap((parts) =>
      Object.entries(parts).map(([part, { TableName }]): [string, TableAction] => [
        TableName,
        IN_TRANSACTION[part] ?? neverSeen(part),
      ]),
    )
  const batch = { BatchGetCommand: 'BatchGetItem', BatchWriteCommand: 'BatchWriteItem' } as const
  const action = batch[command as keyof typeof batch] ?? neverSeen(command)
  return Object.keys(input.RequestItems ?? {}).map((table) => [table, action])
}

const neverSeen = (what: string): never => {
  throw new Error(`the recorder does not know what IAM asks for ${what}`)
}

export class RecordedSystem {
  readonly used: Record<string, Used> = {}
  readonly wakes = new Set<FunctionName>()
  /** The queue takes a message and loses it, as long as this says so. */
  loses: (message: JobMessage) => boolean = () => false
  now = Date.UTC(2030, 0, 1)
  private readonly sent: JobMessage[] = []
  private readonly random = seededRandom(1)

  private constructor(
    private readonly tables: Tables,
    private readonly settings: Settings,
    private readonly model: ModelPort,
  ) {}

  static async start(p: { endpoint: string; settings: Settings; model: ModelPort }): Promise<RecordedSystem> {
    await createTables(p.endpoint, NAMES)
    return new RecordedSystem(dynamoTables({ name: NAMES, endpoint: p.endpoint, ...LOCAL_ACCESS }), p.settings, p.model)
  }

  close(): void {
    this.tables.db.destroy()
  }

  /** As compose.ts does, for one function; without a name nothing is recorded, for what a test sets up itself. */
  deps(name?: FunctionName): FunctionDeps {
    const tables = name ? this.recording(name) : this.tables
    const clock = {
      now: () => this.now,
      until: async (at: number) => {
        const idle = name === 'dispatcher' && !(await this.work())
        // Whole milliseconds, as clocks tell them: what is waited for may lie between two.
        this.now = Math.ceil(Math.max(this.now, idle ? at + IDLE_STEP_MS : at))
      },
    }
    const rings = dynamoRingStore(tables)
    const capacity = dynamoCapacityStore(tables)
    const waker = { wake: async () => void (name && this.wakes.add(name)) }
    return {
      settings: this.settings,
      jobs: dynamoJobStore(tables),
      rings,
      capacity,
      people: dynamoPeopleStore(tables),
      clock,
      random: this.random,
      doorbell: new Doorbell({ rings, capacity, waker, clock }),
      meter: { count: () => {} },
      log: { broken: () => {} },
      queue: { send: async ({ messages }) => this.take(messages) },
      waker,
      model: this.model,
      chat: new FakeChat(clock),
      cursorKey: 'a key',
    }
  }

  async http(name: keyof typeof APPS, method: string, path: string, body?: unknown, headers = {}): Promise<unknown> {
    const app = APPS[name](this.deps(name))
    const [caller] = this.settings.callers
    const event = { requestContext: { authorizer: { iam: { userArn: caller?.role } } } }
    const request = { method, headers: { 'content-type': 'application/json', ...headers } }
    const answer = await app.request(path, { ...request, ...(body ? { body: JSON.stringify(body) } : {}) }, { event })
    const said = await answer.json()
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(said)}`)
    return said
  }

  /** One run of the dispatcher, until it rests or its time is over; what it sends is worked on meanwhile. */
  async dispatch(forMs: number, event: DispatchEvent = { pool: 'main' }): Promise<void> {
    const started = this.now
    const context = { getRemainingTimeInMillis: () => started + forMs - this.now }
    await dispatcherHandler(() => this.deps('dispatcher'))(event, context as Context)
  }

  /** As a deployment asks; its answer. */
  async removals(places: { pools: string[]; kinds: Record<string, string> }): Promise<unknown> {
    let told = ''
    const handler = removalsHandler(
      () => this.deps('removals'),
      async (_, body) => void (told = body),
    )
    const ResourceProperties = { Places: JSON.stringify(places) }
    await handler({ RequestType: 'Update', ResourceProperties } as never, {} as Context)
    return JSON.parse(told)
  }

  /** Whether there was anything to work on. */
  async work(): Promise<boolean> {
    const handler = workerHandler(() => this.deps('worker'))
    const messages = this.sent.splice(0)
    for (const message of messages) {
      const Records = [{ messageId: 'one', body: JSON.stringify(message) }]
      await handler({ Records } as SQSEvent, {} as Context)
    }
    return messages.length > 0
  }

  take(messages: readonly JobMessage[]): { failed: JobMessage[] } {
    this.sent.push(...messages.filter((message) => !this.loses(message)))
    return { failed: [] }
  }

  private recording(name: FunctionName): Tables {
    const seen = this.used[name] ?? {}
    this.used[name] = seen
    const send = (command: { input: Input }) => {
      for (const [table, action] of asked(command.constructor.name, command.input))
        seen[table] = [...new Set([...(seen[table] ?? []), action])].sort()
      return this.tables.db.send(command as never)
    }
    const db = new Proxy(this.tables.db, { get: (target, key) => (key === 'send' ? send : Reflect.get(target, key)) })
    return { ...this.tables, db }
  }
}
