/** Both stacks of a stage as templates, without bundling and with the context that cdk.json gives to a deployment. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll } from 'vitest'
import type { SettingsInput } from '../../core/settings.ts'
import { addFairlead } from '../../lib/app.ts'
import { readInputs } from '../../lib/inputs.ts'

/** CDK's own checks take seconds per synth; rules.test.ts runs them once, with everything else on. */
process.env.CDK_VALIDATION = 'false'

export const deployedContext: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'),
).context

export const aPool = (
  provider: SettingsInput['pools'][string]['provider'] = { kind: 'bedrock' },
): SettingsInput['pools'][string] => ({ provider, requests: 60 })

export const aKind = (extra: Partial<SettingsInput['kinds'][string]> = {}): SettingsInput['kinds'][string] => ({
  pool: 'main',
  tier: 'high',
  model: 'anthropic.claude-x',
  prompt: 'Say hello to {{lead.name}} of {{lead.company}}: {{why}}',
  ...extra,
})

export const aConfig = (extra: Partial<SettingsInput> = {}): SettingsInput => ({
  pools: { main: aPool() },
  kinds: { reply: aKind() },
  ...extra,
})

export function anApp(p: { stage?: string; config?: SettingsInput; alarmTopic?: string } = {}) {
  const read = readInputs({ stage: p.stage, config: p.config ?? aConfig(), alarmTopic: p.alarmTopic })
  if (!read.ok) throw new Error(read.faults.join('\n'))
  const outdir = mkdtempSync(join(assemblies, 'app-'))
  const app = new App({ outdir, context: { ...deployedContext, 'aws:cdk:bundling-stacks': [] } })
  return { app, ...addFairlead(app, read.inputs) }
}

/** CDK leaves each assembly in a folder of its own; these go with the test file that made them. */
const assemblies = mkdtempSync(join(tmpdir(), 'fairlead-lib-'))
afterAll(() => rmSync(assemblies, { recursive: true, force: true }))

const synthesised = new Map<string, { data: Template; service: Template }>()

export function templates(p: Parameters<typeof anApp>[0] = {}): { data: Template; service: Template } {
  const key = JSON.stringify(p)
  const known = synthesised.get(key)
  if (known) return known
  const { data, service } = anApp(p)
  const made = { data: Template.fromStack(data), service: Template.fromStack(service) }
  synthesised.set(key, made)
  return made
}

// A template is JSON of CloudFormation's making; its shape is asserted by the tests and not by a type.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Resource = { Type: string; Properties: any; DeletionPolicy?: string; DependsOn?: string[] }

export const resources = (template: Template, type: string): [string, Resource][] =>
  (Object.entries(template.toJSON().Resources) as [string, Resource][]).filter(([, { Type }]) => Type === type)

export interface Statement {
  readonly Effect: string
  readonly Action: string[]
  readonly Resource: unknown[]
  readonly Condition?: unknown
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value])

/** What the role of each function may do, by the function's name in lambdas/; the schedule's role is `ticks`. */
export function statementsByFunction(template: Template): Map<string, Statement[]> {
  const roles = new Map<string, Statement[]>()
  for (const [, { Properties }] of resources(template, 'AWS::IAM::Policy'))
    for (const { Ref } of Properties.Roles) {
      const name = /^(.*?)role/.exec(Ref)?.[1] ?? Ref
      const found = Properties.PolicyDocument.Statement.map((s: Record<string, never>) => ({
        ...s,
        Action: list(s.Action),
        Resource: list(s.Resource),
      }))
      roles.set(name, [...(roles.get(name) ?? []), ...found])
    }
  return roles
}

/** Text in which a table, a queue or a function is recognised by the name it was given. */
export const text = (value: unknown): string => JSON.stringify(value)
