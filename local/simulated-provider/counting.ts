/**
 * How providers count tokens: when a call arrives, and once it is answered. Written from their documents, not from the
 * product's own accounting, which it judges.
 */
export type Counting = 'total' | 'openai' | 'anthropic' | 'bedrock'
export const COUNTINGS: readonly Counting[] = ['total', 'openai', 'anthropic', 'bedrock']

export interface Tokens {
  readonly input: number
  readonly output: number
}

/** On arrival, with all the output that may come. */
export const onArrival = (counting: Counting, { input, output }: Tokens): number =>
  counting === 'openai' ? Math.max(input, output) : input + output

/** Of an answer; undefined where it stays at what was counted first. */
export function onAnswer(counting: Counting, { input, output }: Tokens, burndown: number): number | undefined {
  if (counting === 'anthropic') return input + output
  return counting === 'bedrock' ? input + burndown * output : undefined
}
