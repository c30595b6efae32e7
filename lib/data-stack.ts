/**
 * The tables, and nothing else, so that no change of code can replace what holds the jobs. Keys and contents are
 * described in docs/data-model.md; here is only what the database has to know.
 */
import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import {
  AttributeType,
  Billing,
  StreamViewType,
  TableEncryptionV2,
  type TablePropsV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb'
import type { Construct } from 'constructs'
import type { Stage } from './inputs.ts'
import type { Tables } from './tables.ts'

export class DataStack extends Stack {
  readonly tables: Tables

  constructor(scope: Construct, id: string, { stage }: { readonly stage: Stage }) {
    super(scope, id, { description: 'Fairlead: the tables' })
    this.tables = {
      live: this.table('Live', stage),
      /** The stream tells the publisher of ends; an end is written once, so the new image is all there is to tell. */
      jobs: this.table('Jobs', stage, { timeToLiveAttribute: 'ttl', dynamoStream: StreamViewType.NEW_IMAGE }),
      /** What owners have used goes when it counts no more. */
      rings: this.table('Rings', stage, { timeToLiveAttribute: 'ttl' }),
      capacity: this.table('Capacity', stage),
      /** Who approved what is the one record that nobody could reconstruct: recoverable on every stage. */
      approvals: this.table('Approvals', stage, recoverable(true)),
    }
  }

  private table(id: string, stage: Stage, extra: Partial<TablePropsV2> = {}): TableV2 {
    const table = new TableV2(this, id, {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      /** Load follows callers, from nothing to a flood and back: a table that is idle costs its storage only. */
      billing: Billing.onDemand(),
      /**
       * AWS-owned: encrypted at rest like any other, without KMS's price per request and without its quota between a
       * job and its table. Whoever must hold or log the key changes this line to awsManagedKey().
       */
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      deletionProtection: !stage.disposable,
      removalPolicy: stage.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      ...recoverable(!stage.disposable),
      ...extra,
    })
    if (stage.disposable)
      Validations.of(table).acknowledge({
        id: 'AwsSolutions-DDB3',
        reason: 'A dev stage is there to be thrown away; every other stage has point-in-time recovery.',
      })
    return table
  }
}

const recoverable = (pointInTimeRecoveryEnabled: boolean): Partial<TablePropsV2> => ({
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled },
})
