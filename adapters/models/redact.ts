/**
 * What providers write, made fit for logs, records and terminals: one printable line without the key and without what
 * the job's prompt says. Providers quote both: OpenAI the key it refuses, gateways the input that they found invalid.
 */

export interface Never {
  readonly key: string | undefined
  /** Prompt and system prompt. */
  readonly content: readonly string[]
}

export const LINE_LENGTH = 200
/** What is looked at: enough for a line, so that a page of HTML costs nothing. */
const READ_LENGTH = 1_000
/** A run of this many letters and digits that the prompt has too is a quotation; shorter ones are common words. */
const QUOTED_RUN = 10

export function oneLine(text: string, never: Never, length = LINE_LENGTH): string {
  const keyless = withoutKeys(text, never.key).slice(0, READ_LENGTH)
  const clean = never.content.reduce(withoutContent, keyless)
  return cut(clean.replace(/[\p{C}\p{Z}]+/gu, ' ').trim(), length)
}

export const cut = (line: string, length: number): string =>
  line.length <= length ? line : `${line.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`

/** The key itself, and what looks like one: providers show them with the middle starred out. */
function withoutKeys(text: string, key: string | undefined): string {
  const without = key ? text.replaceAll(key, '[key]') : text
  return without.replace(/\b(?:sk|pk)-[\w*.-]{4,}/g, '[key]').replace(/\bBearer \S+/gi, '[key]')
}

/** Blank-, case- and punctuation-blind, since quotations come escaped, wrapped and shortened in the middle. */
function withoutContent(text: string, content: string): string {
  const source = lettersOf(content)
    .map(([letter]) => letter)
    .join('')
  const run = Math.min(QUOTED_RUN, source.length)
  if (run < 3) return text
  const letters = lettersOf(text)
  const line = letters.map(([letter]) => letter).join('')
  const spans: [start: number, end: number][] = []
  for (let at = 0; at + run <= line.length; at += 1)
    if (source.includes(line.slice(at, at + run)))
      spans.push([letters[at]?.[1] ?? 0, letters[at + run - 1]?.[2] ?? text.length])
  return replaceQuotes(replaceSpans(text, spans), source)
}

type Letter = [letter: string, start: number, end: number]

/** Letters and digits with their places. Escapes as in JSON are no letters. */
function lettersOf(text: string): Letter[] {
  const found: Letter[] = []
  // Lower case may be longer than its capital; one code unit each keeps places and letters aligned.
  for (const { 0: piece, index } of text.matchAll(/\\u[\da-f]{4}|\\[a-z]|[\p{L}\p{N}]/giu))
    if (!piece.startsWith('\\')) found.push([piece.toLowerCase().charAt(0), index, index + piece.length])
  return found
}

function replaceSpans(text: string, spans: readonly [number, number][]): string {
  let result = ''
  let from = 0
  for (const [start, end] of spans) {
    if (start >= from) result += `${text.slice(from, start)}[prompt]`
    from = Math.max(from, end)
  }
  return result + text.slice(from)
}

/** A name is shorter than any run, but stands in quotation marks. */
const replaceQuotes = (text: string, source: string): string =>
  text.replace(/(['"`])([^'"`]{3,}?)\1/g, (whole, mark: string, inside: string) => {
    const letters = lettersOf(inside)
      .map(([letter]) => letter)
      .join('')
    return letters.length >= 3 && source.includes(letters) ? `${mark}[prompt]${mark}` : whole
  })
