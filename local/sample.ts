/** The sample: jobs from a data file, submitted over the API like anybody's, under keys that make a second start a repeat. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { estimateTokens, missingFields, renderPrompt } from '../core/prompt.ts'
import { callsOf, type Settings } from '../core/settings.ts'
import { BATCH_AT_MOST, BatchEntry } from '../lambdas/shared/schemas.ts'
import type { ApiClient } from './api-client.ts'

const Sample = z.object({ note: z.string().optional(), jobs: z.array(BatchEntry.extend({ key: z.string() })).min(1) })
export type Sample = z.infer<typeof Sample>

export class BadSample extends Error {
  readonly code = 'bad-sample'
}

export const INVENTED_LEADS = fileURLToPath(new URL('./sample/leads.json', import.meta.url))

export function readSample(file: string, settings: Settings): Sample {
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new BadSample(`${file} cannot be read: ${(error as Error).message.split('\n')[0]}`)
  }
  const parsed = Sample.safeParse(raw)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new BadSample(`${file}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  parsed.data.jobs.forEach((job, i) => {
    const kind = settings.kinds[job.kind]
    if (!kind) throw new BadSample(`${file}: jobs.${i}.kind: no kind is named ${job.kind}`)
    const [missing] = missingFields(kind, job.input)
    if (missing)
      throw new BadSample(`${file}: jobs.${i}.input.${missing} is missing; the prompt of ${job.kind} names it`)
  })
  return parsed.data
}

/** What running the sample would take of these pools, those that jobs may fall back to included: calls, and tokens at most. */
export function costOf(
  sample: Sample,
  settings: Settings,
  pools: readonly string[],
): { calls: number; tokensAtMost: number } {
  const tokens = sample.jobs.flatMap((job) => {
    const kind = settings.kinds[job.kind] as Settings['kinds'][string]
    const goesThere = callsOf(kind).some(({ pool }) => pools.includes(pool))
    return goesThere ? [estimateTokens(renderPrompt(kind, job.input)) + kind.maxOutputTokens] : []
  })
  return { calls: tokens.length, tokensAtMost: tokens.reduce((a, b) => a + b, 0) }
}

const Answer = z.object({
  results: z.array(
    z.object({
      id: z.string().optional(),
      repeated: z.boolean().optional(),
      code: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
})
/** A part of a batch's limit, so that the progress is seen. */
const PER_REQUEST = Math.min(50, BATCH_AT_MOST)

/** Ids in the sample's order, and how many of them an earlier start had submitted. */
export async function submitSample(
  api: ApiClient,
  sample: Sample,
  progress: (submitted: number) => void = () => undefined,
): Promise<{ ids: string[]; repeated: number }> {
  const ids: string[] = []
  let repeated = 0
  for (let i = 0; i < sample.jobs.length; i += PER_REQUEST) {
    const { results } = Answer.parse(await api.post('/v1/jobs/batch', { jobs: sample.jobs.slice(i, i + PER_REQUEST) }))
    results.forEach((r, k) => {
      if (!r.id) throw new BadSample(`jobs.${i + k} of the sample was refused: ${r.code}: ${r.detail}`)
      ids.push(r.id)
      if (r.repeated) repeated++
    })
    progress(ids.length)
  }
  return { ids, repeated }
}
