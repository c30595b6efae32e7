/**
 * The services that a bundle calls and no emulator here speaks for: EventBridge, Lambda, Secrets Manager and the X-Ray
 * daemon. They take what comes, write it down and answer as AWS does; whatever else is asked is kept as a fault.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { text } from 'node:stream/consumers'

const HOST = '127.0.0.1'

interface Reply {
  readonly status: number
  readonly body: unknown
}

export interface Segment {
  readonly trace_id: string
  readonly name: string
  readonly annotations?: Readonly<Record<string, unknown>>
}

export class Cloud {
  /** Entries of PutEvents. */
  readonly events: { readonly Detail: string; readonly DetailType: string; readonly EventBusName: string }[] = []
  /** Asynchronous invocations. */
  readonly started: { readonly functionName: string; readonly payload: unknown }[] = []
  /** Names of the secrets that were read. */
  readonly read: string[] = []
  readonly segments: Segment[] = []
  readonly faults: string[] = []

  private constructor(
    private readonly server: Server,
    private readonly daemon: Socket,
    private readonly secrets: Readonly<Record<string, string>>,
  ) {
    daemon.on('message', (message) => this.segments.push(JSON.parse(message.toString().split('\n')[1] ?? '')))
    server.on('request', async (request, response) => {
      const { status, body } = this.reply(request, await text(request))
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    })
  }

  static async start(secrets: Readonly<Record<string, string>>): Promise<Cloud> {
    const [server, daemon] = [createServer(), createSocket('udp4')]
    await Promise.all([once(server.listen(0, HOST), 'listening'), once(daemon.bind(0, HOST), 'listening')])
    return new Cloud(server, daemon, secrets)
  }

  /** The variables by which the SDKs find it. */
  endpoints(): Record<string, string> {
    const url = `http://${HOST}:${(this.server.address() as { port: number }).port}`
    return {
      AWS_ENDPOINT_URL_EVENTBRIDGE: url,
      AWS_ENDPOINT_URL_LAMBDA: url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
      AWS_XRAY_DAEMON_ADDRESS: `${HOST}:${this.daemon.address().port}`,
    }
  }

  async close(): Promise<void> {
    this.daemon.close()
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }

  private reply({ method, url = '', headers }: IncomingMessage, body: string): Reply {
    const invoked = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(url)
    if (method === 'POST' && invoked && headers['x-amz-invocation-type'] === 'Event') {
      this.started.push({ functionName: invoked[1] ?? '', payload: JSON.parse(body) })
      return { status: 202, body: {} }
    }
    if (headers['x-amz-target'] === 'AWSEvents.PutEvents') return this.putEvents(JSON.parse(body).Entries)
    if (headers['x-amz-target'] === 'secretsmanager.GetSecretValue') return this.secret(JSON.parse(body).SecretId)
    this.faults.push(`${method} ${url} ${headers['x-amz-target'] ?? ''}`)
    return { status: 400, body: { __type: 'UnknownOperationException' } }
  }

  private putEvents(entries: Cloud['events']): Reply {
    this.events.push(...entries)
    return { status: 200, body: { FailedEntryCount: 0, Entries: entries.map((_, i) => ({ EventId: String(i) })) } }
  }

  private secret(name: string): Reply {
    this.read.push(name)
    const SecretString = this.secrets[name]
    if (SecretString === undefined) return { status: 400, body: { __type: 'ResourceNotFoundException' } }
    return { status: 200, body: { Name: name, SecretString } }
  }
}
