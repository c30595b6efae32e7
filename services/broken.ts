/**
 * What broke and was caught: counted, and told in the log by where it broke and what kind of error it was. Never by the
 * error's message, which may quote a prompt, an answer or a key.
 */
import type { Deps } from './deps.ts'

export const BROKEN = [
  'RequestsBroken',
  'AttemptsBroken',
  'TicksFailed',
  'SendsRefused',
  'WakesFailed',
  'EndsUnreadable',
] as const
export type Broken = (typeof BROKEN)[number]

/** `where`: ids and names only. The log has them; the count has no dimension, so that one alarm hears of all. */
export function tellBroken(
  { meter, log }: Pick<Deps, 'meter' | 'log'>,
  what: Broken,
  error: unknown,
  where: Readonly<Record<string, string>>,
): void {
  meter.count(what, 1)
  log.broken(what, { ...where, ...factsOf(error) })
}

function factsOf(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) return { error: typeof error }
  const { cause } = error
  return {
    error: nameOf(error),
    ...(cause instanceof Error ? { cause: nameOf(cause) } : {}),
    stack: framesOf(error).join('\n'),
  }
}

function nameOf(error: Error): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? `${error.name} ${code}` : error.name
}

/** A line of a stack that names a place in code: V8 puts them below the message, which may have lines of any kind. */
const FRAME = /^ {4}at (?:[\w$.<>#[\] ]+ \()?(?:file:|node:|\/)[^\s()]+:\d+:\d+\)?$/

const framesOf = ({ stack = '', message }: Error): string[] =>
  stack
    .replace(message, () => '')
    .split('\n')
    .filter((line) => FRAME.test(line))
    .map((line) => line.trim())
