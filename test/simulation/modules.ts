/**
 * Product and simulator as modules kept apart, each read and compiled once. A copy with one file changed evaluates anew
 * that file and those that import it, directly or not; the rest is shared, and what is evaluated anew is compiled and
 * optimised already: a whole copy would begin cold.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { compileFunction } from 'node:vm'
import { transform } from 'esbuild'

interface Module {
  exports: object
}
interface Part {
  readonly evaluate: (module: Module, require: (name: string) => unknown) => void
  /** Files of the project, by path. */
  readonly imports: readonly string[]
}
type Parts = ReadonlyMap<string, Part>

const outside = createRequire(import.meta.url)
const isInside = (name: string): boolean => name.startsWith('.')

export class Modules {
  private readonly parts = new Map<string, Part>()
  private readonly unchanged = new Map<string, Module>()

  private constructor(private readonly entry: string) {}

  static async from(entry: string): Promise<Modules> {
    const modules = new Modules(entry)
    await modules.read(entry)
    evaluated(entry, modules.parts, modules.unchanged)
    return modules
  }

  /** What the entry exports, with one file's text changed. */
  async changed(path: string, change: (source: string) => string): Promise<object> {
    if (!this.parts.has(path)) throw new Error(`${path} is not part of the simulator`)
    const part = await compiled(path, change(await readFile(path, 'utf8')))
    const anew = this.importersOf(path)
    const shared = [...this.unchanged].filter(([other]) => !anew.has(other))
    return evaluated(this.entry, new Map(this.parts).set(path, part), new Map(shared))
  }

  private async read(path: string): Promise<void> {
    const part = await compiled(path, await readFile(path, 'utf8'))
    this.parts.set(path, part)
    for (const imported of part.imports) if (!this.parts.has(imported)) await this.read(imported)
  }

  /** The file, and all that import it. */
  private importersOf(path: string): ReadonlySet<string> {
    const found = new Set([path])
    for (const one of found)
      for (const [importer, { imports }] of this.parts) if (imports.includes(one)) found.add(importer)
    return found
  }
}

async function compiled(path: string, source: string): Promise<Part> {
  const { code } = await transform(source, { loader: 'ts', format: 'cjs', target: 'node20' })
  const names = [...code.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name as string)
  const evaluate = compileFunction(code, ['module', 'require'], { filename: path }) as Part['evaluate']
  return { evaluate, imports: names.filter(isInside).map((name) => join(dirname(path), name)) }
}

function evaluated(path: string, parts: Parts, ready: Map<string, Module>): object {
  const known = ready.get(path)
  if (known) return known.exports
  const part = parts.get(path)
  if (!part) throw new Error(`${path} was not read`)
  const module: Module = { exports: {} }
  ready.set(path, module)
  part.evaluate(module, (name) => (isInside(name) ? evaluated(join(dirname(path), name), parts, ready) : outside(name)))
  // Values for getters: nothing that is exported changes any more, and every use of an import would ask one.
  module.exports = { ...module.exports }
  return module.exports
}
