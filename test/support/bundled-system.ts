/**
 * A deployment of an assembly's bundles on this machine: each function in a process of its own, over an embedded engine,
 * an SQS emulator and a stand-in for the rest of AWS. Which function gets which event, and under which variables, is
 * read from the template; nothing here knows of Fairlead but the five tables.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { APIGatewayProxyStructuredResultV2, SQSBatchResponse } from 'aws-lambda'
import { TABLES, type TableName } from '../../adapters/keys.ts'
import { type Engine, startDynoxide } from '../../local/engine/dynoxide.ts'
import { createTables } from '../../local/engine/tables.ts'
import type { Assembly, BundledFunction } from './bundled-assembly.ts'
import { Cloud } from './bundled-cloud.ts'
import { httpEvent, passes, type Request, restEvent, sqsEvent, streamEvent } from './bundled-events.ts'
import { Instance } from './bundled-instance.ts'
import { Queues } from './bundled-queues.ts'
import { streamRecords } from './bundled-stream.ts'

export interface Answer {
  readonly status: number
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: the API's answers, of which a test says what it expects
  readonly body: any
}

export interface StreamedAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly chunks: readonly string[]
}

interface Around {
  readonly assembly: Assembly
  readonly engine: Engine
  readonly queues: Queues
  readonly cloud: Cloud
}

export class BundledSystem {
  readonly cloud: Cloud
  private readonly assembly: Assembly

  private constructor(
    private readonly around: Around,
    private readonly instances: Map<string, Instance>,
  ) {
    this.cloud = around.cloud
    this.assembly = around.assembly
  }

  /** `secrets` are what stands in Secrets Manager, by name. */
  static async start(p: {
    readonly assembly: Assembly
    readonly binary: string
    readonly secrets: Readonly<Record<string, string>>
  }): Promise<BundledSystem> {
    const [engine, queues, cloud] = await Promise.all([
      startDynoxide({ binary: p.binary }),
      Queues.start(p.assembly),
      Cloud.start(p.secrets),
    ])
    const system = new BundledSystem({ assembly: p.assembly, engine, queues, cloud }, new Map())
    try {
      await createTables(engine.endpoint, tablesOf(p.assembly), { stream: true })
      await Promise.all(p.assembly.functions().map((fn) => system.deploy(fn)))
      return system
    } catch (error) {
      await system.stop()
      throw error
    }
  }

  /** As API Gateway: by the template's routes, with the caller that IAM has verified. */
  async http(routeKey: string, request: Request): Promise<Answer> {
    const { functionId, authorizationType } = this.assembly.route(routeKey)
    const event = httpEvent(routeKey, authorizationType, request)
    const answer = await this.instance(functionId).invoke<APIGatewayProxyStructuredResultV2>(event)
    if (answer.isBase64Encoded) throw new Error(`${routeKey} answered in base64`)
    const type = String(answer.headers?.['content-type'])
    return { status: answer.statusCode ?? 0, type, body: JSON.parse(answer.body ?? 'null') }
  }

  /** The same by the REST API, whose function answers in pieces. */
  async streamed(routeKey: string, request: Request): Promise<StreamedAnswer> {
    const { functionId, authorizationType } = this.assembly.streamedRoute(routeKey)
    return this.instance(functionId).invoke(restEvent(routeKey, authorizationType, request))
  }

  /** As the schedule, while the queue is served: one start of the dispatcher, which has so long to run. */
  async minute(remainingMs: number): Promise<unknown> {
    const { functionId, input } = this.assembly.schedule()
    const running = this.instance(functionId).invoke(input, { remainingMs })
    const [ends] = await Promise.all([running, this.serveQueue(running)])
    return ends
  }

  /** As the event source mapping of the publisher: the stream of Jobs from its beginning, through the mapping's filter. */
  async publishEnds(): Promise<{ batchItemFailures: unknown[] }> {
    const publisher = this.functionNamed('publisher')
    const [{ Pattern }] = this.assembly.mappingOf(publisher.id).FilterCriteria.Filters
    const { arn, records } = await streamRecords(this.around.engine.endpoint, tablesOf(this.assembly).jobs)
    const ends = records.filter((record) => passes(JSON.parse(Pattern), record))
    return this.instance(publisher.id).invoke(streamEvent(ends, arn))
  }

  /** As a deployment: what the removals function answers at the address that it is given. */
  async removals(places: object): Promise<unknown> {
    const told: unknown[] = []
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        told.push(body)
        response.end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const ResponseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const ResourceProperties = { Places: JSON.stringify(places) }
    const event = { RequestType: 'Update', ResponseURL, ResourceProperties }
    try {
      await this.instance(this.functionNamed('removals').id).invoke(event)
      return told[0]
    } finally {
      server.close()
    }
  }

  /** What each function printed, and the traces of its invocations, in their order. */
  seen(): { readonly functionName: string; readonly output: string; readonly traces: readonly string[] }[] {
    return this.assembly.functions().map(({ id, functionName }) => {
      const { output, traces } = this.instance(id)
      return { functionName, output, traces }
    })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.instances.values()].map((instance) => instance.stop()))
    await Promise.all([this.around.engine.stop(), this.around.queues.close(), this.cloud.close()])
  }

  /** As the event source mapping of the worker, until the sender has ended and the queue is empty. */
  private async serveQueue(sender: Promise<unknown>): Promise<void> {
    let ended = false
    const end = () => void (ended = true)
    sender.then(end, end)
    while ((await this.serveBatch()) || !ended);
  }

  private async serveBatch(): Promise<boolean> {
    const worker = this.functionNamed('worker')
    const { EventSourceArn, BatchSize } = this.assembly.mappingOf(worker.id)
    const [queue] = EventSourceArn['Fn::GetAtt']
    const messages = await this.around.queues.receive(queue, BatchSize)
    if (messages.length === 0) return false
    const answer = await this.instance(worker.id).invoke<SQSBatchResponse>(sqsEvent(messages, queue))
    const failed = answer.batchItemFailures.map((failure) => failure.itemIdentifier)
    const done = messages.filter(({ MessageId = '' }) => !failed.includes(MessageId))
    await this.around.queues.forget(queue, done)
    return true
  }

  /** With the variables that the template gives it, and no other of ours. */
  private async deploy(fn: BundledFunction): Promise<void> {
    const { assembly, engine, queues, cloud } = this.around
    const standIn = (type: string, id: string): string => {
      if (type === 'AWS::DynamoDB::GlobalTable') return tableName(id)
      if (type === 'AWS::SQS::Queue') return queues.url(id)
      if (type === 'AWS::SecretsManager::Secret') return id
      throw new Error(`nothing stands in for ${type} ${id}`)
    }
    const variables = Object.entries(fn.variables).map(([name, value]) => [name, assembly.resolve(value, standIn)])
    const endpoints = {
      AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
      AWS_ENDPOINT_URL_SQS: queues.endpoint,
      ...cloud.endpoints(),
    }
    this.instances.set(fn.id, await Instance.start({ fn, variables: Object.fromEntries(variables), endpoints }))
  }

  private functionNamed(name: string): BundledFunction {
    const found = this.assembly.functions().find((fn) => fn.functionName.endsWith(`-${name}`))
    if (!found) throw new Error(`no function is named ${name}`)
    return found
  }

  private instance(functionId: string): Instance {
    const instance = this.instances.get(functionId)
    if (!instance) throw new Error(`no function is ${functionId}`)
    return instance
  }
}

/** As CloudFormation makes a name: of the stack's and the logical id. */
const tableName = (id: string): string => `fairlead-dev-data-${id}`

/** The logical id of a table begins with its name. */
function tablesOf(assembly: Assembly): Record<TableName, string> {
  const named = TABLES.map((table) => {
    const found = assembly.tables().filter((id) => id.toLowerCase().startsWith(table))
    if (found.length !== 1) throw new Error(`the template has ${found.length} tables ${table}`)
    return [table, tableName(found[0] ?? '')]
  })
  return Object.fromEntries(named)
}
