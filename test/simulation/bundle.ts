/** The simulator as one piece of code, built from the sources as they are or with a bug in them: to send, or to run here. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { type Bug, planted } from './bugs/bug.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** For a process of its own. */
export async function bundled(bug?: Bug): Promise<string> {
  const made = await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/simulation/worker.ts'],
    bundle: true,
    // Most of what there would be to bundle: the process, whose folder is the project's, reads it itself.
    external: ['zod'],
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
    plugins: bug ? [planting(bug)] : [],
  })
  return made.outputFiles[0]?.text ?? ''
}

/** Fails where the file is no part of the simulator: such a bug could not be caught. */
function planting(bug: Bug): Plugin {
  const path = join(ROOT, bug.file)
  return {
    name: 'planted bug',
    setup(on) {
      let seen = false
      on.onLoad({ filter: /\.ts$/ }, async (loading) => {
        if (loading.path !== path) return undefined
        seen = true
        return { contents: planted(bug, await readFile(path, 'utf8')), loader: 'ts' }
      })
      on.onEnd(() => (seen ? undefined : { errors: [{ text: `${bug.file} is not part of the simulator` }] }))
    },
  }
}
