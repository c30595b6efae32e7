/** A planted bug: one textual replacement in one file of the product, and a seed whose schedule catches it. */
export interface Bug {
  /** What is wrong, in words. */
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Found by `npm run simulate:hunt`. */
  readonly seed: number
}

/** The file with the bug in it. Throws where the text to replace is not there once: the product has moved on. */
export function planted(bug: Bug, source: string): string {
  const parts = source.split(bug.find)
  if (parts.length !== 2) throw new Error(`${bug.name}: in ${bug.file} its text occurs ${parts.length - 1} times`)
  return parts.join(bug.replace)
}
