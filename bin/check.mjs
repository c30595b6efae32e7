/** `npm run check`: lint with the import directions, types, dead code. Runs all three, then fails if one did. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const tool = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url))
const steps = [
  ['lint and format', tool('@biomejs/biome/bin/biome'), ['check', '.']],
  ['types', tool('typescript/bin/tsc'), ['--noEmit']],
  ['dead code', tool('knip/bin/knip.js'), []],
]
const failed = steps.filter(([name, file, args]) => {
  const { status } = spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' })
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}\n`)
  return status !== 0
})
process.exit(failed.length > 0 ? 1 : 0)
