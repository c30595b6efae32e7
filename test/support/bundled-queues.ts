/** The template's queues on an SQS emulator, under their logical ids. */
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'
import type { Assembly } from './bundled-assembly.ts'
import { REGION } from './bundled-instance.ts'

const HOST = '127.0.0.1'
/** An empty queue answers after this, and it is seen whether there is still somebody who sends. */
const POLL_WAIT_S = 1

export class Queues {
  private readonly urls = new Map<string, string>()

  private constructor(
    readonly endpoint: string,
    private readonly client: SQSClient,
    private readonly app: ReturnType<typeof buildApp>,
    /** The emulator's own URLs, by those given out. */
    private readonly own: Map<string, string>,
  ) {}

  static async start(assembly: Assembly): Promise<Queues> {
    const app = buildApp({ logger: false, host: HOST })
    const own = new Map<string, string>()
    app.addHook('preHandler', async (request: { body: unknown }) => {
      const asked = request.body as { QueueUrl?: string }
      if (asked.QueueUrl) asked.QueueUrl = own.get(asked.QueueUrl) ?? asked.QueueUrl
    })
    const endpoint = await app.listen({ port: 0, host: HOST })
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const queues = new Queues(endpoint, new SQSClient({ endpoint, region: REGION, credentials }), app, own)
    await Promise.all(assembly.queues().map((queue) => queues.create(queue)))
    return queues
  }

  url(id: string): string {
    const url = this.urls.get(id)
    if (url === undefined) throw new Error(`no queue is ${id}`)
    return url
  }

  async receive(id: string, atMost: number): Promise<Message[]> {
    const { Messages } = await this.client.send(
      new ReceiveMessageCommand({
        QueueUrl: this.url(id),
        MaxNumberOfMessages: atMost,
        WaitTimeSeconds: POLL_WAIT_S,
        MessageSystemAttributeNames: ['All'],
      }),
    )
    return Messages ?? []
  }

  async forget(id: string, messages: readonly Message[]): Promise<void> {
    for (const { ReceiptHandle } of messages)
      await this.client.send(new DeleteMessageCommand({ QueueUrl: this.url(id), ReceiptHandle }))
  }

  async close(): Promise<void> {
    this.client.destroy()
    await this.app.close()
  }

  /**
   * The SDK calls the host of a queue's URL, and the emulator's has a host that no resolver knows. So the URLs given
   * out have the endpoint for their host, and what comes in gets the emulator's own back.
   */
  private async create({ id, visibilityS }: { id: string; visibilityS: number }): Promise<void> {
    const Attributes = { VisibilityTimeout: String(visibilityS) }
    const { QueueUrl = '' } = await this.client.send(new CreateQueueCommand({ QueueName: id, Attributes }))
    const url = QueueUrl.replace(/^https?:\/\/[^/]+/, this.endpoint)
    this.urls.set(id, url)
    this.own.set(url, QueueUrl)
  }
}
