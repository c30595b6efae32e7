/** Prompts: `{{path.to.field}}` from a job's input. No logic in templates; a missing field is an error, never a blank. */
const PLACEHOLDER = /\{\{\s*([A-Za-z_][\w.]*)\s*\}\}/g

const lookUp = (input: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, part) => {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, part)) return undefined
    return (at as Record<string, unknown>)[part]
  }, input)

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

export interface PromptTemplates {
  readonly system?: string | undefined
  readonly prompt: string
}

/** Fields that the templates name and the input lacks, as JSON paths. */
export function missingFields(templates: PromptTemplates, input: unknown): string[] {
  const text = `${templates.system ?? ''}${templates.prompt}`
  const paths = [...text.matchAll(PLACEHOLDER)].map((m) => m[1] as string)
  return [...new Set(paths)].filter((path) => lookUp(input, path) === undefined)
}

export const namesFields = (text: string): boolean => text.search(PLACEHOLDER) >= 0

/** The text to send. The caller has checked `missingFields`. */
export function renderPrompt(templates: PromptTemplates, input: unknown): { system?: string; prompt: string } {
  const fill = (text: string) => text.replace(PLACEHOLDER, (_, path: string) => shown(lookUp(input, path)))
  return { prompt: fill(templates.prompt), ...(templates.system ? { system: fill(templates.system) } : {}) }
}

/**
 * Tokens of input to reserve: three bytes a token, which over-counts English by about a third (OpenAI's rule of thumb
 * is four characters a token).
 */
export const estimateTokens = (text: { system?: string; prompt: string }): number =>
  Math.ceil(Buffer.byteLength(`${text.system ?? ''}${text.prompt}`) / 3)
