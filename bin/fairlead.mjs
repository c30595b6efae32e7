#!/usr/bin/env node
/** The `fairlead` command: runs cli/main.ts without a build. */
import { needNode } from './need-node.mjs'

needNode()
const { register } = await import('tsx/esm/api')
register()
await import('../cli/main.ts')
