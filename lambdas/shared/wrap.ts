/** The edge of every function: logger, metrics and tracer around the handler, by middy. No event is ever logged. */
import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import type { Log, Meter } from '../../services/ports.ts'

export const logger = new Logger()
/** Every count is published by itself, so "nothing stored" is no news. */
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
export const metrics = new Metrics({ namespace: 'Fairlead', logger: quiet })
/** Lambda sets this; X-Ray is nowhere else. */
const tracing = process.env['AWS_LAMBDA_FUNCTION_NAME'] === undefined ? [] : [(await import('./tracing.ts')).tracing]

export type Wrapped<E, R> = (event: E, context: Context) => Promise<R>

export const wrap = <E, R>(handler: (event: E, context: Context) => Promise<R>): Wrapped<E, R> =>
  middy<E, R>()
    .use([...tracing, injectLambdaContext(logger, { logEvent: false }), logMetrics(metrics)])
    .handler(handler) as unknown as Wrapped<E, R>

/** Counts as CloudWatch metrics, each under its own dimensions. */
export const meter: Meter = {
  count(name, value, dimensions) {
    const single = metrics.singleMetric()
    if (dimensions) single.addDimensions({ ...dimensions })
    single.addMetric(name, MetricUnit.Count, value)
  },
}

/** A line of JSON among the process's errors: the function's log in AWS, stderr on one machine. */
export const log: Log = { broken: (what, facts) => logger.error(what, { ...facts }) }
