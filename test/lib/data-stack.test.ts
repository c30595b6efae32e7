import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, it } from 'vitest'
import { resources, templates } from './stacks.ts'

const TABLES = ['Approvals', 'Capacity', 'Jobs', 'Live', 'Rings']
const tables = (stage: string) =>
  resources(templates({ stage }).data, 'AWS::DynamoDB::GlobalTable').map(([id, resource]) => ({
    name: TABLES.find((name) => id.startsWith(name)) ?? id,
    policy: resource.DeletionPolicy,
    ...resource.Properties,
    replica: resource.Properties.Replicas[0],
  }))

describe('the data stack', () => {
  it('holds five tables on demand, each keyed by the strings pk and sk', () => {
    expect(
      tables('dev')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(TABLES)
    for (const table of tables('dev')) {
      expect(table.BillingMode).toBe('PAY_PER_REQUEST')
      expect(table.KeySchema).toEqual([
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ])
      expect(table.AttributeDefinitions).toEqual([
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ])
    }
  })

  it('lets only jobs expire, and what owners have used; and only jobs have a stream', () => {
    const { data } = templates()
    data.resourcePropertiesCountIs('AWS::DynamoDB::GlobalTable', { StreamSpecification: Match.anyValue() }, 1)
    const expiring = tables('dev').filter(({ TimeToLiveSpecification: ttl }) => ttl)
    expect(expiring.map(({ name }) => name).sort()).toEqual(['Jobs', 'Rings'])
    for (const { TimeToLiveSpecification: ttl } of expiring)
      expect(ttl).toEqual({ AttributeName: 'ttl', Enabled: true })
    const jobs = tables('dev').find(({ name }) => name === 'Jobs')
    expect(jobs?.StreamSpecification).toEqual({ StreamViewType: 'NEW_IMAGE' })
  })

  it('goes whole with a dev stage', () => {
    for (const { policy, replica } of tables('dev')) {
      expect(policy).toBe('Delete')
      expect(replica.DeletionProtectionEnabled).toBe(false)
    }
  })

  it.each(['prod', 'staging'])('is retained, protected and recoverable on %s', (stage) => {
    for (const { policy, replica } of tables(stage)) {
      expect(policy).toBe('Retain')
      expect(replica.DeletionProtectionEnabled).toBe(true)
      expect(replica.PointInTimeRecoverySpecification).toEqual({ PointInTimeRecoveryEnabled: true })
    }
  })

  it('keeps approvals recoverable on every stage', () => {
    const recoverable = tables('dev').filter(
      (t) => t.replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled,
    )
    expect(recoverable.map(({ name }) => name)).toEqual(['Approvals'])
  })
})
