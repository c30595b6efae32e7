import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { estimateTokens, missingFields, renderPrompt } from '../../core/prompt.ts'

const rendered = (prompt: string, input: unknown) => renderPrompt({ prompt }, input).prompt
const missing = (prompt: string, input: unknown) => missingFields({ prompt }, input)

describe('a prompt', () => {
  it('takes fields from the input by their path', () => {
    expect(rendered('Dear {{lead.name}} of {{ lead.company }}', { lead: { name: 'Ann', company: 'Acme' } })).toBe(
      'Dear Ann of Acme',
    )
  })

  it('fills a placeholder wherever it is repeated', () => {
    expect(rendered('{{a}}{{a}} {{a}}', { a: 'x' })).toBe('xx x')
  })

  it('shows what is no string as JSON', () => {
    const input = { n: 1, no: false, list: [1, 'a'], record: { b: null }, nothing: null }
    expect(rendered('{{n}} {{no}} {{list}} {{record}} {{nothing}} {{list.1}}', input)).toBe(
      '1 false [1,"a"] {"b":null} null a',
    )
  })

  it('fills the system text too, and leaves it out where there is none', () => {
    expect(renderPrompt({ system: 'Be {{tone}}', prompt: 'p' }, { tone: 'brief' })).toEqual({
      system: 'Be brief',
      prompt: 'p',
    })
    expect(renderPrompt({ prompt: 'p' }, {})).toEqual({ prompt: 'p' })
  })

  it('takes what the input says literally: placeholders and replacement patterns in it stay text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(rendered('<{{a}}>', { a: text, b: 'secret' })).toBe(`<${text}>`)
      }),
    )
    expect(rendered('{{a}}', { a: "{{b}} $& $1 $' $$", b: 'secret' })).toBe("{{b}} $& $1 $' $$")
  })

  it('leaves what is no placeholder alone', () => {
    expect(rendered('{a} {{1}} {{}} {{ a b }} {{a', { a: 'x' })).toBe('{a} {{1}} {{}} {{ a b }} {{a')
  })
})

describe('the missing fields of an input', () => {
  it('are each named once, in order, from the system text and the prompt', () => {
    const templates = { system: '{{tone}} {{lead.name}}', prompt: '{{reason}} {{tone}} {{lead.name}}' }
    expect(missingFields(templates, { lead: {} })).toEqual(['tone', 'lead.name', 'reason'])
  })

  it.each([undefined, null, 'text', 7, [], {}])('are all of them when the input is %j', (input) => {
    expect(missing('{{a}} {{a.b}}', input)).toEqual(['a', 'a.b'])
  })

  it('include what an input says is undefined, and not what it says is null, empty, zero or false', () => {
    expect(missing('{{a}} {{b}} {{c}} {{d}} {{e}}', { a: undefined, b: null, c: '', d: 0, e: false })).toEqual(['a'])
  })

  it('end at what is no record: a text has no fields', () => {
    expect(missing('{{a.length}} {{a.0}}', { a: 'text' })).toEqual(['a.length', 'a.0'])
  })

  it.each(['constructor', '__proto__', '__proto__.x', 'toString', 'a.constructor', 'a.__proto__.polluted', 'list.map'])(
    'include {{%s}}: what every object inherits is no field of the input',
    (path) => {
      expect(missing(`{{${path}}}`, { a: {}, list: [] })).toEqual([path])
    },
  )

  it('are none exactly when every placeholder can be filled', () => {
    const paths = fc.array(fc.constantFrom('a', 'b', 'c.d', 'c.e'), { minLength: 1, maxLength: 4 })
    const inputs = fc.record(
      { a: fc.string(), b: fc.integer(), c: fc.record({ d: fc.string(), e: fc.boolean() }, { requiredKeys: [] }) },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(paths, inputs, (named, input) => {
        const prompt = named.map((path) => `{{${path}}}`).join('|')
        expect(missing(prompt, input).length === 0).toBe(!rendered(prompt, input).includes('undefined'))
      }),
    )
  })
})

describe('the tokens of input reserved for a prompt', () => {
  it('are a third of its bytes, rounded up, the system text included', () => {
    expect(estimateTokens({ prompt: 'abcd' })).toBe(2)
    expect(estimateTokens({ system: 'ab', prompt: 'é' })).toBe(2)
  })
})
