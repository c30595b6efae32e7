/** Requests drawn from the OpenAPI document: by its rules, and against them. */
import fc from 'fast-check'
import { type Drawn, OPERATIONS, type Operation, type Schema } from './openapi-rules.ts'

/** What the tests know to be there, so that a request gets beyond its schema. */
export interface Known {
  readonly [name: string]: readonly unknown[]
}

/** By the rules, where the schema's own words suffice to draw by. */
function within(schema: Schema, known: Known, name = ''): fc.Arbitrary<unknown> {
  const own = schemaValue(schema, known, name)
  const there = known[name]
  return there && there.length > 0
    ? fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...there) }, { weight: 1, arbitrary: own })
    : own
}

/** Mostly small numbers: what is large is refused for other reasons. */
function between({ minimum, maximum }: Schema, least: number): { min: number; max: number } {
  const min = minimum ?? least
  return { min, max: Math.min(maximum ?? Infinity, Math.max(min, 0) + 99) }
}

function schemaValue(schema: Schema, known: Known, name: string): fc.Arbitrary<unknown> {
  if (schema['enum']) return fc.constantFrom(...schema['enum'])
  if ('const' in schema) return fc.constant(schema['const'])
  const either: Schema[] | undefined = schema['anyOf'] ?? schema['oneOf']
  if (either) return fc.oneof(...either.map((one) => schemaValue(one, known, name)))
  if (Array.isArray(schema['type']))
    return fc.oneof(...schema['type'].map((type) => schemaValue({ ...schema, type }, known, name)))
  switch (schema['type']) {
    case 'object':
      return objectOf(schema, known)
    case 'array':
      return fc.array(within(schema['items'] ?? {}, known, `${name}[]`), {
        minLength: schema['minItems'] ?? 0,
        maxLength: 4,
      })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'number':
      return fc.double({ ...between(schema, 0), noNaN: true })
    case 'integer':
      return fc.integer(between(schema, -9))
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
    ? fc.dictionary(fc.string(), within(schema['additionalProperties'] || {}, known))
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

/** One request in four keeps all rules; in the others the body is spoilt, or a parameter, or the body is any text. */
export function aRequest(knownOf: (operation: Operation) => Known): fc.Arbitrary<Drawn> {
  return fc.constantFrom(...OPERATIONS).chain((operation) => {
    const known = knownOf(operation)
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
