/** Submits the sample, shows the live picture until every job of it rests, and says how it went. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { asLine, asTable, redrawer } from './display.ts'
import { overviewOf, type Picture, type Pool, pictureOf } from './picture.ts'
import { type Sample, submitSample } from './sample.ts'
import { allRest, readAll, summaryOf } from './summary.ts'

const REDRAW_MS = 500
const LINE_MS = 5_000
const CHECK_MS = 500

interface Run {
  readonly api: ApiClient
  readonly pool: Pool
  readonly sample: Sample
}

/** Ends early when the signal aborts: what was accepted goes on at the next start. */
export async function runSample(run: Run, signal: AbortSignal): Promise<void> {
  const began = Date.now()
  let loading: Picture['loading'] = { submitted: 0, total: run.sample.jobs.length }
  const over = new AbortController()
  const watching = watch(run, () => loading, { stop: signal, over: over.signal })
  try {
    const { ids, repeated } = await submitSample(run.api, run.sample, (submitted) => {
      loading = submitted < run.sample.jobs.length ? { submitted, total: run.sample.jobs.length } : undefined
    })
    const rows = await atRest(run, ids, signal)
    over.abort()
    await watching
    if (rows) process.stdout.write(`\n${summaryOf({ rows, repeated, pool: run.pool, ms: Date.now() - began })}\n`)
  } catch (error) {
    over.abort()
    await watching
    // The stop has closed the API under a request.
    if (!signal.aborted) throw error
  }
}

/** The jobs once all of them rest, or nothing if the signal came first. */
async function atRest({ api, pool }: Run, ids: readonly string[], signal: AbortSignal) {
  for (; !signal.aborted; await pause(CHECK_MS, signal)) {
    const overview = await overviewOf(api, pool.id)
    if (!overview || Object.values(overview.tiers).some((t) => t.queued + t.running > 0)) continue
    const rows = await readAll(api, ids)
    if (allRest(rows)) return rows
  }
  return undefined
}

/** Draws now and then; once it is over, a last time. */
async function watch(
  { api, pool }: Run,
  loading: () => Picture['loading'],
  p: { stop: AbortSignal; over: AbortSignal },
): Promise<void> {
  const { draw, everyMs } = screen()
  const either = AbortSignal.any([p.stop, p.over])
  try {
    for (let last = false; !last && !p.stop.aborted; await pause(everyMs, either)) {
      last = p.over.aborted
      const picture = await pictureOf(api, pool, loading())
      if (!p.stop.aborted) draw(picture)
    }
  } catch {
    // Without a picture the queue works all the same; what is wrong with the API, the submitting meets too.
  }
}

function screen(): { draw: (picture: Picture) => void; everyMs: number } {
  const { stdout } = process
  if (!stdout.isTTY) return { draw: (picture) => void stdout.write(`${asLine(picture)}\n`), everyMs: LINE_MS }
  const redraw = redrawer({
    write: (text) => stdout.write(text),
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
  })
  return { draw: (picture) => redraw(asTable(picture)), everyMs: REDRAW_MS }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)
