import { describe, expect, test } from 'vitest'
import { HELP, type Options, parseOptions } from '../../local/options.ts'

const options = (...args: string[]): Options => {
  const parsed = parseOptions(args)
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed))
  return parsed.options
}
const fault = (...args: string[]): string => {
  const parsed = parseOptions(args)
  return parsed.kind === 'fault' ? parsed.line : `no fault but ${parsed.kind}`
}

test('without options it serves 4100 from .fairlead, with the sample', () => {
  const off = { reset: false, empty: false, burst: false, once: false, yes: false }
  expect(options()).toEqual({ port: 4100, data: '.fairlead', ...off })
})

test('every option arrives under its name', () => {
  const words =
    '--port 0 --data d --reset --empty --sample s.json --model-url http://127.0.0.1:11434/v1 --config c.json --rpm 60 --window 2000 --order strict --burst --engine journal --once --yes'
  expect(options(...words.split(' '))).toEqual({
    port: 0,
    data: 'd',
    reset: true,
    empty: true,
    sample: 's.json',
    modelUrl: 'http://127.0.0.1:11434/v1',
    config: 'c.json',
    rpm: 60,
    windowMs: 2_000,
    order: 'strict',
    burst: true,
    engine: 'journal',
    once: true,
    yes: true,
  })
})

test('the help names every option', () => {
  const flags =
    '--port --data --reset --empty --sample --model-url --config --rpm --window --order --burst --engine --once'
  for (const flag of [...flags.split(' '), '--yes', '--help']) expect(HELP).toContain(`  ${flag} `)
  expect(parseOptions(['--help'])).toEqual({ kind: 'help' })
  expect(parseOptions(['-h', '--port', 'x'])).toEqual({ kind: 'help' })
})

describe('a fault is one line that names the option and what is allowed', () => {
  const END = '. npm start -- --help lists the options.'
  test.each([
    ['--port', '65536', '--port takes a whole number from 0 to 65535, not "65536"'],
    ['--port', '-1', "Option '--port' argument is ambiguous"],
    ['--port', '80.5', '--port takes a whole number from 0 to 65535, not "80.5"'],
    ['--port', '', '--port takes a whole number from 0 to 65535, not ""'],
    ['--port', '0x10', '--port takes a whole number from 0 to 65535, not "0x10"'],
    ['--rpm', '0', '--rpm takes a whole number from 1 to 1000000, not "0"'],
    ['--rpm', 'many', '--rpm takes a whole number from 1 to 1000000, not "many"'],
    ['--window', '199', '--window takes a whole number from 200 to 600000, not "199"'],
    ['--window', '1m', '--window takes a whole number from 200 to 600000, not "1m"'],
    ['--order', 'fifo', '--order takes weighted, strict, owners, not "fifo"'],
    ['--engine', 'postgres', '--engine takes dynoxide, journal, not "postgres"'],
    ['--model-url', 'localhost:11434', '--model-url takes an http or https URL, not "localhost:11434"'],
    ['--model-url', 'ftp://127.0.0.1/', '--model-url takes an http or https URL, not "ftp://127.0.0.1/"'],
  ])('%s %s', (flag, value, said) => {
    expect(fault(flag, value)).toBe(said + END)
  })
  test('an unknown option', () => expect(fault('--prot', '80')).toBe(`Unknown option '--prot'${END}`))
  test('a missing value', () => expect(fault('--data')).toBe(`Option '--data <value>' argument missing${END}`))
  test('a value for a switch', () =>
    expect(fault('--empty=yes')).toBe(`Option '--empty' does not take an argument${END}`))
  test('a word that belongs to nothing', () =>
    expect(fault('5000')).toMatch(/^Unexpected argument '5000'[^\n]*options\.$/))
})
