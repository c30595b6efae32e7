/** From the Jobs table to the publisher: records of ends only, in order; what cannot be published is kept apart. */
import type { ITable, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { EventBus } from 'aws-cdk-lib/aws-events'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { FilterCriteria, FilterRule, type Function as LambdaFunction, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { DynamoEventSource, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { ENV, EVENT_SOURCE } from '../lambdas/shared/env.ts'

/** With Lambda's backoff some minutes: a bus that refuses for longer must not hold the shard's other ends back. */
const RETRIES = 10
/** The most entries that one PutEvents takes, ten times over: few requests, and a bisected batch is soon small. */
const BATCH = 100

export function bindEnds(fn: LambdaFunction, p: { readonly jobs: TableV2; readonly deadLetters: Queue }): void {
  fn.addEventSource(
    /** The library declares TableV2 without exactOptionalPropertyTypes in mind; that it is a table is not in doubt. */
    new DynamoEventSource(p.jobs as ITable, {
      /** Whoever recreates the mapping wants the ends that fell in between, not silence about them. */
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: BATCH,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: RETRIES,
      onFailure: new SqsDlq(p.deadLetters),
      filters: [
        FilterCriteria.filter({
          eventName: FilterRule.or('INSERT', 'MODIFY'),
          dynamodb: { Keys: { sk: { S: FilterRule.isEqual('end') } } },
        }),
      ],
    }),
  )
}

/**
 * The account's default bus: rules of the user's other systems stand there already, so nothing may be said in the name of
 * another. A request has several events, each with its source: hence ForAllValues.
 */
export function bindEventBus(scope: Construct, fn: LambdaFunction): void {
  const bus = EventBus.fromEventBusName(scope, 'bus', 'default')
  fn.addEnvironment(ENV.eventBus, bus.eventBusName)
  fn.addToRolePolicy(
    new PolicyStatement({
      actions: ['events:PutEvents'],
      resources: [bus.eventBusArn],
      conditions: { 'ForAllValues:StringEquals': { 'events:source': EVENT_SOURCE } },
    }),
  )
}
