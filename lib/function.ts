/**
 * One Lambda function the way all of Fairlead's are: bundled by the local esbuild, traced, with a role and a log group
 * of its own. It is born able to write its log and its traces; everything else is given to it by name elsewhere.
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib'
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, LoggingFormat, type RecursiveLoop, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda'
import { type BundlingOptions, LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { FunctionName } from './grants.ts'
import type { Stage } from './inputs.ts'

export const METRICS_NAMESPACE = 'Fairlead'
/** One service per stage: Powertools makes it a dimension of every metric, so two stages stay apart. */
export const serviceName = (stage: Stage): string => `fairlead-${stage.name}`
/** Set by us, so that the dispatcher can be told its own name: a reference to itself would be a cycle. */
export const functionName = (stage: Stage, name: FunctionName): string => `${serviceName(stage)}-${name}`

const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url))

const BUNDLING: BundlingOptions = {
  format: OutputFormat.ESM,
  /** ESM first: the CommonJS builds of the same packages cannot be shaken and are several times larger. */
  mainFields: ['module', 'main'],
  /** The SDK travels with the code: the runtime's own version changes without a deployment. */
  externalModules: [],
  /** The X-Ray SDK is CommonJS and calls `require`, which an ES module does not have. */
  banner: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  minify: true,
  sourceMap: true,
  /** The maps name files and lines; with the sources in them they would outweigh the code. */
  sourcesContent: false,
  forceDockerBundling: false,
  logLevel: LogLevel.WARNING,
}

/** The functions read their settings from `#config`; package.json says that this is fairlead.config.ts. */
const bundling = (configFile: string | undefined): BundlingOptions =>
  configFile === undefined ? BUNDLING : { ...BUNDLING, esbuildArgs: { '--alias:#config': resolve(configFile) } }

export function fairleadFunction(
  scope: Construct,
  p: {
    readonly stage: Stage
    readonly name: FunctionName
    readonly configFile?: string | undefined
    readonly timeout: Duration
    readonly memorySize: number
    readonly recursiveLoop?: RecursiveLoop
  },
): NodejsFunction {
  const { stage, name, configFile, ...limits } = p
  const logGroup = logGroupOf(scope, `${name}-logs`, stage)
  return new NodejsFunction(scope, name, {
    ...limits,
    functionName: functionName(stage, name),
    entry: path(`lambdas/${name}.ts`),
    handler: 'handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    depsLockFilePath: path('package-lock.json'),
    projectRoot: path('.'),
    bundling: bundling(configFile),
    role: roleOf(scope, name, logGroup),
    logGroup,
    loggingFormat: LoggingFormat.JSON,
    tracing: Tracing.ACTIVE,
    environment: {
      NODE_OPTIONS: '--enable-source-maps',
      POWERTOOLS_SERVICE_NAME: serviceName(stage),
      POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
    },
  })
}

/** Logs carry ids, counts and reasons, never content: three months of them outlast any question about a job. */
export const logGroupOf = (scope: Construct, id: string, stage: Stage): LogGroup =>
  new LogGroup(scope, id, {
    retention: stage.disposable ? RetentionDays.ONE_WEEK : RetentionDays.THREE_MONTHS,
    removalPolicy: stage.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
  })

/** Not AWSLambdaBasicExecutionRole: that may write every log group of the account. */
function roleOf(scope: Construct, name: FunctionName, logGroup: LogGroup): Role {
  const role = new Role(scope, `${name}-role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  role.addToPolicy(
    new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    }),
  )
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'X-Ray has no resource to name for PutTraceSegments and PutTelemetryRecords; a test keeps * for them alone.',
  })
  return role
}
