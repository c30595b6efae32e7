/** What the OpenAPI document says: of a request, whether it lets it through; of an answer, what it should look like. */
import * as z from 'zod'
import openapi from '../../lambdas/shared/openapi.json' with { type: 'json' }

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema, read as it stands in the document
export type Schema = Record<string, any>
interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly required?: boolean
  readonly schema: Schema
}
export interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly body: Schema | undefined
  readonly answers: Readonly<Record<string, Schema>>
}
/** A value for each parameter that is sent, and the body as it is sent. */
export interface Drawn {
  readonly operation: Operation
  readonly parameters: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** The schema with what it refers to in its place: nothing here refers to itself. */
function resolved(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(resolved)
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref } = schema as { $ref?: string }
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1) as keyof typeof openapi.components.schemas
    return resolved(openapi.components.schemas[name])
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value)]))
}

export const OPERATIONS: readonly Operation[] = Object.entries(resolved(openapi.paths) as Schema).flatMap(
  ([path, item]) =>
    Object.entries(item as Schema).map(([method, o]) => ({
      method: method.toUpperCase(),
      path,
      parameters: o['parameters'] ?? [],
      body: o['requestBody']?.content['application/json'].schema,
      answers: o['responses'],
    })),
)

const compiled = new WeakMap<Schema, z.ZodType>()

export function matches(schema: Schema, value: unknown): boolean {
  const known = compiled.get(schema) ?? z.fromJSONSchema(schema as never)
  compiled.set(schema, known)
  return known.safeParse(value).success
}

/** Whether the document lets this request through: its parameters as the wire has them, its body as JSON. */
export function isAllowed({ operation, parameters, body }: Drawn): boolean {
  const known = operation.parameters.every(({ name, required, schema }) => {
    const value = parameters[name]
    if (value === undefined) return !required
    return matches(schema, schema['type'] === 'integer' && /^\s*[-+\d.e]+\s*$/.test(value) ? Number(value) : value)
  })
  // No body is an empty one.
  return known && (operation.body === undefined || validText(operation.body, body || '{}'))
}

/** A batch's entries are answered each for itself: of those that were accepted, whether the document lets them through. */
export function entriesAllowed({ operation, body }: Drawn, accepted: readonly boolean[]): boolean {
  const { jobs } = JSON.parse(body ?? '{}') as { jobs: unknown[] }
  const entry = operation.body?.['properties'].jobs.items as Schema
  return jobs.every((job, i) => !accepted[i] || matches(entry, job))
}

function validText(schema: Schema, text: string): boolean {
  try {
    return matches(schema, JSON.parse(text))
  } catch {
    return false
  }
}

const answerOf = ({ answers }: Operation, status: number): Schema | undefined =>
  answers[status] ?? (status >= 400 ? answers['default'] : undefined)

/** Every answer has these, whatever it is of. */
const EVERYWHERE = ['content-type', 'cache-control']

/** How an answer's headers depart from what the document says of them. */
export function headersAmiss(operation: Operation, status: number, sent: Readonly<Record<string, string>>): string[] {
  const said = Object.entries((answerOf(operation, status)?.['headers'] ?? {}) as Record<string, Schema>)
  const names = said.map(([name]) => name.toLowerCase())
  const missing = said.filter(([name, { required }]) => required === true && !(name.toLowerCase() in sent))
  const others = Object.keys(sent).filter((name) => !EVERYWHERE.includes(name) && !names.includes(name))
  return [...missing.map(([name]) => `${name} is missing`), ...others.map((name) => `${name} is not said`)]
}

/** The schema of an answer with this status; undefined where the document does not know it. */
export const answerSchema = (operation: Operation, status: number): Schema | undefined => {
  const answer = answerOf(operation, status)
  const [content] = Object.values((answer?.['content'] ?? {}) as Schema)
  return answer && ((content as Schema | undefined)?.['schema'] ?? {})
}
