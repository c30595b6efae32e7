/** Requests drawn from the OpenAPI document, by its rules and against them; and what the document says of each. */
import fc from 'fast-check'
import * as z from 'zod'
import openapi from '../../lambdas/shared/openapi.json' with { type: 'json' }

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema, read as it stands in the document
type Schema = Record<string, any>
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

/** What the tests know to be there, so that a request gets beyond its schema. */
export interface Known {
  readonly [name: string]: readonly unknown[]
}

/** By the rules, where the schema's own words suffice to draw by. */
function within(schema: Schema, known: Known, name = ''): fc.Arbitrary<unknown> {
  const own = schemaValue(schema, known)
  const there = known[name]
  return there ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...there) }, { weight: 1, arbitrary: own }) : own
}

function schemaValue(schema: Schema, known: Known): fc.Arbitrary<unknown> {
  if (schema['enum']) return fc.constantFrom(...schema['enum'])
  switch (schema['type']) {
    case 'object':
      return objectOf(schema, known)
    case 'array':
      return fc.array(within(schema['items'] ?? {}, known, 'entry'), {
        minLength: schema['minItems'] ?? 0,
        maxLength: 4,
      })
    case 'integer':
      return fc.integer({ min: schema['minimum'] ?? -9, max: Math.min(schema['maximum'] ?? 99, 99) })
    case 'string':
      if (schema['format'] === 'date-time')
        return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((at) => at.toISOString())
      if (schema['pattern']) return fc.stringMatching(new RegExp(schema['pattern']))
      return fc.string({ minLength: schema['minLength'] ?? 0, maxLength: Math.min(schema['maxLength'] ?? 40, 40) })
    default:
      return fc.jsonValue()
  }
}

function objectOf(schema: Schema, known: Known): fc.Arbitrary<object> {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  const fields = Object.entries(properties).map(([name, of]) => [name, within(of, known, name)] as const)
  const required = (schema['required'] ?? []) as string[]
  return fields.length === 0
    ? fc.dictionary(fc.string(), fc.jsonValue())
    : fc.record(Object.fromEntries(fields), { requiredKeys: required })
}

/** Anything at all in a place: what people and programs send by mistake, or to do harm. */
const ODD = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    '\u0000',
    '\ud83d',
    '../..',
    '%',
    '__proto__',
    'constructor',
    -1,
    1e308,
    2 ** 53,
    [],
    {},
    [[]],
  ),
  fc.integer({ min: 1_000, max: 5_000 }).map((length) => 'x'.repeat(length)),
)

/** One place of a value is spoilt: replaced, left out, or joined by what is not known. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value) && value.length > 0)
    return fc.tuple(fc.nat(value.length - 1)).chain(([i]) => spoilt(value[i]).map((odd) => value.with(i, odd)))
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return ODD
  const place = fc.constantFrom(...Object.keys(value))
  const of = value as Record<string, unknown>
  return fc.oneof(
    place.chain((key) => spoilt(of[key]).map((odd) => ({ ...of, [key]: odd }))),
    place.map((key) => Object.fromEntries(Object.entries(of).filter(([name]) => name !== key))),
    fc.tuple(fc.string(), ODD).map(([key, odd]) => ({ ...of, [key]: odd })),
    ODD,
  )
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

/** A header cannot hold everything: what HTTP does not carry (RFC 9110, 5.5) never arrives. */
const carried = (value: string): string => value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').trim()

/** A URL has no half characters. */
const encodable = (text: string): string => Buffer.from(text).toString()

function asSent(operation: Operation, parameters: object): Record<string, string> {
  const isHeader = (name: string) => operation.parameters.some((p) => p.name === name && p.in === 'header')
  const sent = Object.entries(parameters).map(([name, value]) => [name, asText(value)] as const)
  return Object.fromEntries(sent.map(([name, text]) => [name, isHeader(name) ? carried(text) : encodable(text)]))
}

/** One request in two keeps the rules. */
export function aRequest(known: Known): fc.Arbitrary<Drawn> {
  return fc.constantFrom(...OPERATIONS).chain((operation) => {
    const sent = operation.parameters.map((p) => ({ ...p, value: within(p.schema, known, p.name) }))
    const good = {
      parameters: fc.record(Object.fromEntries(sent.map((p) => [p.name, p.value])), {
        requiredKeys: sent.filter((p) => p.required).map((p) => p.name),
      }),
      body: operation.body ? within(operation.body, known) : fc.constant(undefined),
    }
    return fc
      .oneof(
        fc.record(good),
        fc.record({
          ...good,
          body: good.body.chain((body) => (body === undefined ? fc.constant(body) : spoilt(body))),
        }),
        fc.record({
          ...good,
          parameters: good.parameters.chain((some) => spoilt(some) as fc.Arbitrary<Record<string, unknown>>),
        }),
        fc.record({ parameters: good.parameters, body: fc.string() }),
      )
      .map(({ parameters, body }) => ({
        operation,
        parameters: asSent(operation, Object(parameters) as object),
        body: body === undefined ? undefined : asText(body),
      }))
  })
}

const compiled = new WeakMap<Schema, z.ZodType>()

function valid(schema: Schema, value: unknown): boolean {
  const known = compiled.get(schema) ?? z.fromJSONSchema(schema as never)
  compiled.set(schema, known)
  return known.safeParse(value).success
}

/** Whether the document lets this request through: its parameters as the wire has them, its body as JSON. */
export function isAllowed({ operation, parameters, body }: Drawn): boolean {
  const known = operation.parameters.every(({ name, required, schema }) => {
    const value = parameters[name]
    if (value === undefined) return !required
    return valid(schema, schema['type'] === 'integer' && /^\s*[-+\d.e]+\s*$/.test(value) ? Number(value) : value)
  })
  return known && (operation.body === undefined || (body !== undefined && validText(operation.body, body)))
}

/** A batch's entries are answered each for itself: of those that were accepted, whether the document lets them through. */
export function entriesAllowed({ operation, body }: Drawn, accepted: readonly boolean[]): boolean {
  const { jobs } = JSON.parse(body ?? '{}') as { jobs: unknown[] }
  const entry = operation.body?.['properties'].jobs.items as Schema
  return jobs.every((job, i) => !accepted[i] || valid(entry, job))
}

function validText(schema: Schema, text: string): boolean {
  try {
    return valid(schema, JSON.parse(text))
  } catch {
    return false
  }
}

/** The schema of an answer with this status; undefined where the document does not know it. */
export const answerSchema = ({ answers }: Operation, status: number): Schema | undefined => {
  const answer = answers[status] ?? (status >= 400 ? answers['default'] : undefined)
  const [content] = Object.values((answer?.['content'] ?? {}) as Schema)
  return answer && ((content as Schema | undefined)?.['schema'] ?? {})
}
export const matches = valid
