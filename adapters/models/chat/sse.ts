/** Server-sent events (WHATWG HTML, 9.2), as chat completions come in them: one `data` line each. */

/** More than any event of a completion; without an end in sight the provider does not speak this protocol. */
const EVENT_CHARS_AT_MOST = 4_000_000
const BETWEEN = /\r\n\r\n|\n\n|\r\r/

/** Each event as its text, the blank line after it left out. */
export async function* eventsOf(bytes: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let rest = ''
  for await (const text of bytes.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const parts = (rest + text).split(BETWEEN)
    rest = parts.pop() ?? ''
    if (rest.length > EVENT_CHARS_AT_MOST) throw new Error('an event has no end')
    yield* parts
  }
  if (rest.trim() !== '') yield rest
}

/** The JSON of an event; undefined where it holds none, as the last one, `[DONE]`, does. */
export function jsonOf(event: string): Readonly<Record<string, unknown>> | undefined {
  const data = event
    .split(/\r\n|\n|\r/)
    .flatMap((line) => (line.startsWith('data:') ? [line.slice(5)] : []))
    .join('\n')
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export const sent = (event: string): Uint8Array => new TextEncoder().encode(`${event}\n\n`)
export const dataEvent = (value: unknown): Uint8Array => sent(`data: ${JSON.stringify(value)}`)
export const DONE = sent('data: [DONE]')

/** What stands in a stream that broke off: OpenAI's clients throw it. */
export const brokenOff = (): Uint8Array =>
  dataEvent({
    error: {
      message: 'The provider broke off its answer.',
      type: 'server_error',
      param: null,
      code: 'provider-failed',
    },
  })
