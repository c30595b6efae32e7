/**
 * X-Ray around a handler. Loaded in AWS alone (./wrap.ts): from its import on, X-Ray's SDK follows every promise through
 * async_hooks, which costs where nothing listens a tenth of the time.
 */
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'

export const tracing = captureLambdaHandler(new Tracer(), { captureResponse: false })
