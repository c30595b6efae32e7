/** The tables as functions see them, and the one way to give one to a function: variable and permission at once. */
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { ENV, type EnvName } from '../lambdas/shared/env.ts'

type TableName = 'live' | 'jobs' | 'rings' | 'capacity' | 'approvals'
export type Tables = Readonly<Record<TableName, TableV2>>

/** The single-item and batch requests of the data plane. A transaction needs the permission of each request in it. */
export type TableAction =
  | 'GetItem'
  | 'BatchGetItem'
  | 'Query'
  | 'Scan'
  | 'PutItem'
  | 'UpdateItem'
  | 'DeleteItem'
  | 'BatchWriteItem'
  | 'ConditionCheckItem'

/** What one function may do with each table; a table that is not named is out of its reach and unknown to it. */
export type TableGrants = Readonly<Partial<Record<TableName, readonly TableAction[]>>>

const VARIABLES = {
  live: ENV.liveTable,
  jobs: ENV.jobsTable,
  rings: ENV.ringsTable,
  capacity: ENV.capacityTable,
  approvals: ENV.approvalsTable,
} as const satisfies Record<TableName, EnvName>

export function bindTables(fn: LambdaFunction, tables: Tables, grants: TableGrants): void {
  for (const name of Object.keys(VARIABLES) as TableName[]) {
    const actions = grants[name]
    if (actions) bindTable(fn, { variable: VARIABLES[name], table: tables[name], actions })
  }
}

/** Not `table.grant()`: that adds the table's indexes by wildcard, and no table has an index. */
export function bindTable(
  fn: LambdaFunction,
  p: {
    readonly variable: EnvName
    readonly table: TableV2
    readonly actions: readonly TableAction[]
    /** Of these partitions alone. */
    readonly keys?: readonly string[]
  },
): void {
  fn.addEnvironment(p.variable, p.table.tableName)
  fn.addToRolePolicy(
    new PolicyStatement({
      actions: p.actions.map((action) => `dynamodb:${action}`),
      resources: [p.table.tableArn],
      ...(p.keys && { conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': p.keys } } }),
    }),
  )
}
