/**
 * What `cdk deploy -c config=FILE` would take to AWS: one whole synth by the app of cdk.json, every function bundled,
 * read from its output folder alone. References are resolved as a deployment would, to whatever stands in for them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DATA = 'fairlead-dev-data'
const SERVICE = 'fairlead-dev-service'

// A template is JSON of CloudFormation's making; what is read of it is what the tests below fail without.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Properties = any
interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties: Properties }>>
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: string } }>>
}

export interface BundledFunction {
  readonly id: string
  readonly functionName: string
  /** `file.export`. */
  readonly handler: string
  readonly timeoutMs: number
  readonly memorySize: number
  readonly variables: Readonly<Record<string, unknown>>
  /** The asset: what Lambda unpacks as the function's task root. */
  readonly folder: string
}

/** The physical name of a resource, by its type and logical id; throws for what nothing stands in for. */
export type StandIn = (type: string, id: string) => string

export class Assembly {
  private constructor(
    private readonly folder: string,
    private readonly data: Template,
    private readonly service: Template,
  ) {}

  /** Runs the app as the CDK CLI does (CDK_CONTEXT_JSON, CDK_OUTDIR), without CDK's own checks, which rules.test.ts runs. */
  static synth(p: { readonly folder: string; readonly config: unknown }): Assembly {
    mkdirSync(p.folder, { recursive: true })
    const config = join(p.folder, 'other.config.json')
    writeFileSync(config, JSON.stringify(p.config))
    const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'))
    const outdir = join(p.folder, 'cdk.out')
    const { status, stderr } = runApp({ outdir, context: { ...context, stage: 'dev', config } })
    if (status !== 0) throw new Error(`the synth failed: ${stderr}`)
    const template = (stack: string) => JSON.parse(readFileSync(join(outdir, `${stack}.template.json`), 'utf8'))
    return new Assembly(outdir, template(DATA), template(SERVICE))
  }

  functions(): BundledFunction[] {
    return this.all('AWS::Lambda::Function').map(([id, { Code, Environment, ...p }]) => ({
      id,
      functionName: p.FunctionName,
      handler: p.Handler,
      timeoutMs: p.Timeout * 1000,
      memorySize: p.MemorySize,
      variables: Environment.Variables,
      folder: this.asset(Code.S3Key),
    }))
  }

  tables(): string[] {
    return Object.entries(this.data.Resources).flatMap(([id, r]) => (r.Type === 'AWS::DynamoDB::GlobalTable' ? id : []))
  }

  queues(): { id: string; visibilityS: number }[] {
    return this.all('AWS::SQS::Queue').map(([id, p]) => ({ id, visibilityS: p.VisibilityTimeout ?? 30 }))
  }

  /** The one mapping that feeds the function. */
  mappingOf(functionId: string): Properties {
    const mappings = this.all('AWS::Lambda::EventSourceMapping').map(([, p]) => p)
    const found = mappings.filter((p) => p.FunctionName.Ref === functionId)
    if (found.length !== 1) throw new Error(`${functionId} has ${found.length} event source mappings`)
    return found[0]
  }

  /** What the schedule sends, and to which function. */
  schedule(): { functionId: string; input: unknown } {
    const [[, { Target }] = none('schedule')] = this.all('AWS::Scheduler::Schedule')
    return { functionId: Target.Arn['Fn::GetAtt'][0], input: JSON.parse(Target.Input) }
  }

  /** The function behind a route, and how its callers are authorised; API Gateway answers 404 where this throws. */
  route(routeKey: string): { functionId: string; authorizationType: string } {
    const routes = this.all('AWS::ApiGatewayV2::Route')
    const [, { Target, AuthorizationType }] = routes.find(([, p]) => p.RouteKey === routeKey) ?? none(routeKey)
    const integration = Target['Fn::Join'][1].find((part: Properties) => part.Ref).Ref
    const { IntegrationUri } = this.service.Resources[integration]?.Properties ?? none(integration)
    return { functionId: IntegrationUri['Fn::GetAtt'][0], authorizationType: AuthorizationType }
  }

  /** The same for a route of the REST API whose answers are streamed. */
  streamedRoute(routeKey: string): { functionId: string; authorizationType: string } {
    const methods = this.all('AWS::ApiGateway::Method').map(([, p]) => p)
    const found = methods.find((p) => `${p.HttpMethod} ${this.pathOf(p.ResourceId)}` === routeKey) ?? none(routeKey)
    if (found.Integration.ResponseTransferMode !== 'STREAM') throw new Error(`${routeKey} is not streamed`)
    const uri = found.Integration.Uri['Fn::Join'][1].find((part: Properties) => part['Fn::GetAtt']?.[1] === 'Arn')
    return { functionId: uri['Fn::GetAtt'][0], authorizationType: found.AuthorizationType }
  }

  private pathOf(resource: Properties): string {
    if (resource.Ref === undefined) return ''
    const { ParentId, PathPart } = this.service.Resources[resource.Ref]?.Properties ?? none(resource.Ref)
    return `${this.pathOf(ParentId)}/${PathPart}`
  }

  /** A value of the service's template, with what it refers to in either stack replaced by its stand-in. */
  resolve(value: unknown, standIn: StandIn, template: Template = this.service): string {
    if (typeof value === 'string') return value
    const { Ref, ...other } = value as { Ref?: string; 'Fn::ImportValue'?: string; 'Fn::Join'?: [string, unknown[]] }
    if (Ref !== undefined) return standIn(template.Resources[Ref]?.Type ?? none(Ref), Ref)
    if (other['Fn::ImportValue'] !== undefined)
      return this.resolve(this.exported(other['Fn::ImportValue']), standIn, this.data)
    if (other['Fn::Join'] === undefined) throw new Error(`no stand-in for ${JSON.stringify(value)}`)
    const [separator, parts] = other['Fn::Join']
    return parts.map((part) => this.resolve(part, standIn, template)).join(separator)
  }

  private exported(name: string): unknown {
    return (Object.values(this.data.Outputs ?? {}).find((output) => output.Export?.Name === name) ?? none(name)).Value
  }

  private asset(key: string): string {
    const { files } = JSON.parse(readFileSync(join(this.folder, `${SERVICE}.assets.json`), 'utf8'))
    return join(this.folder, (files[key.replace(/\.zip$/, '')] ?? none(key)).source.path)
  }

  private all(type: string): [string, Properties][] {
    const found = Object.entries(this.service.Resources).filter(([, resource]) => resource.Type === type)
    return found.map(([id, { Properties }]) => [id, Properties])
  }
}

const none = (what: string): never => {
  throw new Error(`the assembly has no ${what}`)
}

/** As cdk.json has the CLI run it. */
export function runApp(p: { readonly outdir: string; readonly context: object }): { status: number; stderr: string } {
  const run = spawnSync(process.execPath, ['--import', 'tsx', 'bin/fairlead-stacks.ts'], {
    cwd: ROOT,
    env: {
      ...process.env,
      CDK_VALIDATION: 'false',
      CDK_CONTEXT_JSON: JSON.stringify(p.context),
      CDK_OUTDIR: p.outdir,
    },
    encoding: 'utf8',
  })
  return { status: run.status ?? 1, stderr: run.stderr }
}

type Code = Pick<BundledFunction, 'folder' | 'handler'>

const codeOf = ({ folder, handler }: Code): string => join(folder, `${handler.split('.')[0]}.mjs`)

export const bytesOf = (fn: Code): number => statSync(codeOf(fn)).size

/** The files that the code was made of, by the map that lies beside it. */
export function sourcesOf(fn: Code): string[] {
  const map: { sources: string[] } = JSON.parse(readFileSync(`${codeOf(fn)}.map`, 'utf8'))
  return map.sources.map((source) => resolve(fn.folder, source))
}
