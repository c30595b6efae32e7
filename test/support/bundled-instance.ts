/**
 * One execution environment of Lambda's: a Node process that is given the bundle, the function's variables and those of
 * the runtime, and nothing else: no loader, no packages, none of this process's environment.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { BundledFunction } from './bundled-assembly.ts'

/**
 * What Lambda's runtime does between its sockets; here a channel of messages stands for them. Node 24's takes no
 * callback, and refuses a handler that declares a third parameter before its first event
 * (https://aws.amazon.com/blogs/compute/node-js-24-runtime-now-available-in-aws-lambda/), but for one that streams its answer
 * (https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html).
 */
const RUNTIME = `
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Writable } from 'node:stream'
const streamed = new WeakSet()
globalThis.awslambda = {
  streamifyResponse: (handler) => (streamed.add(handler), handler),
  HttpResponseStream: { from: (stream, head) => Object.assign(stream, { head }) },
}
const collected = async (handler, event, context) => {
  const chunks = []
  const stream = new Writable({ write: (chunk, _, done) => (chunks.push(Buffer.from(chunk)), done()) })
  await handler(event, stream, context)
  return { ...stream.head, chunks: chunks.map(String) }
}
const [file, name] = process.env._HANDLER.split('.')
const handler = (await import(pathToFileURL(join(process.env.LAMBDA_TASK_ROOT, file + '.mjs')).href))[name]
if (handler.length > 2 && !streamed.has(handler)) throw new Error('Runtime.CallbackHandlerDeprecated')
process.on('message', async ({ id, event, context, remainingMs, trace }) => {
  process.env._X_AMZN_TRACE_ID = trace
  const until = performance.now() + remainingMs
  const getRemainingTimeInMillis = () => Math.max(0, until - performance.now())
  const full = { ...context, getRemainingTimeInMillis }
  try {
    const answer = streamed.has(handler) ? collected(handler, event, full) : handler(event, full)
    process.send({ id, result: (await answer) ?? null })
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) })
  }
})
process.send({ ready: true })
`

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
const runtimeVariables = (fn: BundledFunction): Record<string, string> => ({
  _HANDLER: fn.handler,
  AWS_REGION: REGION,
  AWS_DEFAULT_REGION: REGION,
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_LAMBDA_FUNCTION_NAME: fn.functionName,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memorySize),
  AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  AWS_LAMBDA_LOG_FORMAT: 'JSON',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_SESSION_TOKEN: 'local',
  LAMBDA_TASK_ROOT: fn.folder,
  TZ: ':UTC',
})

export const REGION = 'eu-west-1'
export const ACCOUNT = '123456789012'

interface Said {
  readonly id?: number
  readonly ready?: true
  readonly result?: unknown
  readonly error?: string
}

export class Instance {
  /** What Lambda would write to the function's log group. */
  output = ''
  /** One for each invocation. */
  readonly traces: string[] = []

  private constructor(
    private readonly fn: BundledFunction,
    private readonly child: ChildProcess,
  ) {
    const keep = (chunk: Buffer) => void (this.output += chunk)
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
  }

  /** `variables` are the function's own; `endpoints` tells the SDK where the stand-ins are. */
  static async start(p: {
    readonly fn: BundledFunction
    readonly variables: Readonly<Record<string, string>>
    readonly endpoints: Readonly<Record<string, string>>
  }): Promise<Instance> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', RUNTIME], {
      env: { ...p.variables, ...runtimeVariables(p.fn), ...p.endpoints },
      cwd: p.fn.folder,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const instance = new Instance(p.fn, child)
    await instance.says((said) => said.ready === true)
    return instance
  }

  /** Resolves with what the handler answered, as JSON carries it; rejects with what it threw. */
  async invoke<R>(event: unknown, p: { readonly remainingMs?: number } = {}): Promise<R> {
    const id = this.traces.push(`1-${hex(4)}-${hex(12)}`)
    const remainingMs = p.remainingMs ?? this.fn.timeoutMs
    /** Sampled, so that what the function traces is sent. */
    const trace = `Root=${this.traces.at(-1)};Parent=${hex(8)};Sampled=1`
    this.child.send({ id, event, context: this.context(id), remainingMs, trace })
    const { error, result } = await this.says((said) => said.id === id)
    if (error !== undefined) throw new Error(`${this.fn.functionName}: ${error}`)
    return result as R
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }

  private context(id: number) {
    return {
      functionName: this.fn.functionName,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${this.fn.functionName}`,
      memoryLimitInMB: String(this.fn.memorySize),
      awsRequestId: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
      logGroupName: this.fn.functionName,
      logStreamName: 'local',
    }
  }

  /** The next message that is meant; a process that ends first says why. */
  private says(meant: (said: Said) => boolean): Promise<Said> {
    return new Promise((resolve, reject) => {
      const heard = (said: Said) => {
        if (!meant(said)) return
        this.child.off('message', heard).off('exit', gone)
        resolve(said)
      }
      const gone = () => reject(new Error(`${this.fn.functionName} ended: ${this.output.slice(-4000)}`))
      this.child.on('message', heard).once('exit', gone)
    })
  }
}

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
