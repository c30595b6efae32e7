/**
 * Asks the removals function, before anything else of the service changes, whether the configuration may be this one. Each
 * set of pools and kinds is a resource of its own, made and never updated: so a rollback, which keeps the old one and takes
 * the new one away, asks nothing and is never refused.
 */
import { createHash } from 'node:crypto'
import { CustomResource, Duration } from 'aws-cdk-lib'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import type { Settings } from '../core/settings.ts'
import type { Places } from '../lambdas/shared/places.ts'

export const REMOVALS_TIMEOUT = Duration.minutes(5)

export function askAboutRemovals(
  scope: Construct,
  p: { readonly removals: LambdaFunction; readonly settings: Settings; readonly before: readonly Construct[] },
): void {
  const { pools, kinds } = p.settings
  const places: Places = {
    pools: Object.keys(pools),
    kinds: Object.fromEntries(Object.entries(kinds).map(([kind, { pool }]) => [kind, pool])),
  }
  const Places = JSON.stringify(places)
  const which = createHash('sha256').update(Places).digest('hex').slice(0, 8)
  const asked = new CustomResource(scope, `asked-about-removals-${which}`, {
    serviceToken: p.removals.functionArn,
    serviceTimeout: REMOVALS_TIMEOUT,
    properties: { Places },
  })
  // It may read what it is asked about before it is asked.
  if (p.removals.role) asked.node.addDependency(p.removals.role)
  for (const one of p.before) one.node.addDependency(asked)
}
