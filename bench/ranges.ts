/** The committed ranges: what each figure was when it was last set, and how far from it is no surprise. */
import { readFileSync } from 'node:fs'
import * as z from 'zod'

const Range = z.strictObject({
  scenario: z.string(),
  variant: z.string(),
  metric: z.string(),
  value: z.number(),
  /** In the metric's unit: a share of a value that is 0 would allow nothing. */
  deviation: z.number().min(0),
  /** When, where and by which command it was set. */
  date: z.iso.date(),
  machine: z.string().min(1),
  how: z.string().min(1),
})
export type Range = z.infer<typeof Range>

export const committedRanges = (): Range[] =>
  z.array(Range).parse(JSON.parse(readFileSync(new URL('./ranges.json', import.meta.url), 'utf8')))
