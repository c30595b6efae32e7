/** `npm start`: says plainly what Node is needed, then runs local/main.ts. Plain JavaScript, so that an old Node reads it. */
import { needNode } from './need-node.mjs'

needNode()
process.env.POWERTOOLS_METRICS_DISABLED ??= 'true'
process.env.POWERTOOLS_TRACE_ENABLED ??= 'false'
process.env.POWERTOOLS_LOG_LEVEL ??= 'ERROR'
// On Node 20 the AWS SDK announces its end of support at every start; no user of this system can act on that here.
const { emitWarning } = process
process.emitWarning = (warning, ...rest) =>
  String(warning).includes('NodeVersionSupportWarning') ? undefined : emitWarning.call(process, warning, ...rest)
const { register } = await import('tsx/esm/api')
register()
await import('../local/main.ts')
