/** The command that a new user runs first: one job of the first kind in fairlead.config.ts, signed by curl alone. */
import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { Settings } from '../core/settings.ts'

/** `{{path.to.field}}`, as core/prompt.ts reads it; a test holds that no field is missed. */
const FIELD = /\{\{\s*([A-Za-z_][\w.]*)\s*\}\}/g

export function addFirstJob(scope: Construct, p: { readonly url: string; readonly settings: Settings }): void {
  const kind = Object.keys(p.settings.kinds)[0]
  if (!kind) return
  new CfnOutput(scope, 'submit', {
    description: 'Submits a job as whoever the three AWS variables are; docs/deploy.md says how to become a caller',
    value: submitCommand({ url: p.url, region: Stack.of(scope).region, body: sampleJob(kind, p.settings) }),
  }).overrideLogicalId('SubmitAJob')
}

const submitCommand = (p: { url: string; region: string; body: unknown }): string =>
  [
    `curl --aws-sigv4 "aws:amz:${p.region}:execute-api"`,
    '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN"',
    '-H "content-type: application/json" -H "idempotency-key: first-job"',
    `-d '${JSON.stringify(p.body)}' ${p.url}/v1/jobs`,
  ].join(' ')

/** A job that submit accepts: each field that its kind's prompts name, filled with words no shell takes for its own. */
export function sampleJob(kind: string, settings: Settings): { kind: string; input: Record<string, unknown> } {
  const input: Record<string, unknown> = {}
  const { system = '', prompt = '' } = settings.kinds[kind] ?? {}
  for (const [, field = ''] of `${system}${prompt}`.matchAll(FIELD)) fill(input, field.split('.'))
  return { kind, input }
}

/** Fills one field and makes the objects on its way; where a prompt names an object as a whole, too, its parts do. */
function fill(into: Record<string, unknown>, path: readonly string[]): void {
  const [head = '', ...rest] = path
  const there = into[head]
  const child = typeof there === 'object' && there !== null ? (there as Record<string, unknown>) : {}
  if (rest.length > 0) fill(child, rest)
  into[head] = rest.length > 0 || there === child ? child : `an example of ${head}`
}
