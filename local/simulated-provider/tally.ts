/** What reached the provider, counted and, if asked, written down before the answer: it must survive a kill. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'

export interface Call {
  /** From the x-fairlead- headers, absent for a caller that sends none. */
  readonly job?: string
  readonly attempt?: number
  readonly fence?: number
  /** 1 for the first arrival. */
  readonly n: number
}
/** One line of the log. `status` 0: the connection was cut instead of an answer. */
export type Arrival = Omit<Call, 'n'> & {
  readonly at: number
  readonly status: number
  /** What it truly takes, input and output; absent where nothing is said of it. */
  readonly tokens?: number
}

export interface Tally {
  arrived(call: Call, p: Pick<Arrival, 'at' | 'status' | 'tokens'>): void
  /** Pairs of job and fence seen more than once: a call made twice under one claim. */
  repeated(): number
  close(): void
}

export function tally(logFile: string | undefined): Tally {
  const log = logFile === undefined ? undefined : openSync(logFile, 'a')
  const seen = new Set<string>()
  const repeated = new Set<string>()
  return {
    arrived: ({ job, attempt, fence }, { at, status, tokens }) => {
      const pair = `${job} ${fence}`
      if (job !== undefined && seen.has(pair)) repeated.add(pair)
      seen.add(pair)
      const line: Record<keyof Arrival, unknown> = { at, job, attempt, fence, status, tokens }
      if (log !== undefined) writeSync(log, `${JSON.stringify(line)}\n`)
    },
    repeated: () => repeated.size,
    close: () => {
      if (log !== undefined) closeSync(log)
    },
  }
}

export function callOf(headers: IncomingHttpHeaders, n: number): Call {
  const job = headers['x-fairlead-job']
  const attempt = numberIn(headers['x-fairlead-attempt'])
  const fence = numberIn(headers['x-fairlead-fence'])
  return {
    n,
    ...(typeof job === 'string' ? { job } : {}),
    ...(attempt === undefined ? {} : { attempt }),
    ...(fence === undefined ? {} : { fence }),
  }
}

const numberIn = (value: string | string[] | undefined): number | undefined =>
  typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined
