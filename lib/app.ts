/** The two stacks of a stage and the rules they are checked against. What is in them is decided in their own files. */
import { type App, Tags, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { DataStack } from './data-stack.ts'
import type { Inputs } from './inputs.ts'
import { ServiceStack } from './service-stack.ts'

/**
 * Tables apart from functions: a service stack that fails to deploy, or is destroyed, takes no record with it. No
 * account or region is named, so that synth asks nobody: `cdk deploy` takes both from the user's AWS profile. Strong
 * references (exports) make CloudFormation refuse to take a table away that functions use.
 */
export function addFairlead(app: App, inputs: Inputs): { data: DataStack; service: ServiceStack } {
  app.node.setContext('@aws-cdk/core:defaultCrossStackReferences', 'strong')
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  const prefix = `fairlead-${inputs.stage.name}`
  const data = new DataStack(app, `${prefix}-data`, { stage: inputs.stage })
  const service = new ServiceStack(app, `${prefix}-service`, { ...inputs, tables: data.tables })
  Tags.of(app).add('fairlead:stage', inputs.stage.name)
  return { data, service }
}
