/**
 * The caller from the credentials that API Gateway has verified (IAM authorizer), by the configuration's table of
 * roles. The local front verifies its development token and names a role in the same place.
 */
import type { LambdaEvent } from 'hono/aws-lambda'
import type { CallerSettings } from '../../core/settings.ts'
import type { Caller } from '../../services/caller.ts'

/** An assumed role's session names its role: arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION. */
const SESSION = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\/.+$/

export function roleOf(userArn: string): string {
  const session = SESSION.exec(userArn)
  return session ? `arn:${session[1]}:iam::${session[2]}:role/${session[3]}` : userArn
}

/** Roles may have a path, which the session's ARN does not show: only the last part of the name is compared. */
const withoutPath = (role: string): string => role.replace(/:role\/.*\//, ':role/')

interface Verified {
  readonly authorizer?: { readonly iam?: { readonly userArn?: string } }
  readonly identity?: { readonly userArn?: string | null }
}
/** An HTTP API shows it under its authorizer, a REST API as the identity; both only where IAM has verified it. */
const userArnOf = ({ requestContext }: LambdaEvent): string | undefined => {
  const { authorizer, identity } = (requestContext ?? {}) as Verified
  return authorizer?.iam?.userArn ?? identity?.userArn ?? undefined
}

export function callerOf(event: LambdaEvent, table: readonly CallerSettings[]): Caller | undefined {
  const userArn = userArnOf(event)
  if (!userArn) return undefined
  const role = roleOf(userArn)
  const found = table.find((c) => withoutPath(c.role) === withoutPath(role))
  return found && { id: found.id, owner: found.owner, scopes: found.scopes, mayActFor: found.mayActFor }
}
