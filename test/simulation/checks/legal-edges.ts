/** G7: a job moves only along the edges that docs/architecture.md draws; the fence says how. */
import type { Item } from '../../../adapters/records.ts'
import type { Move } from '../moves.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

/** The chart "A job's life", written out once more: the product's own table may be wrong. */
export const LEGAL: ReadonlySet<string> = new Set([
  'queued>running',
  'queued>cancelled',
  'running>running',
  'running>queued',
  'running>in-review',
  'running>succeeded',
  'running>failed',
  'running>cancelled',
  'running>expired',
  'in-review>queued-approved',
  'queued-approved>succeeded',
  'in-review>rejected',
  'in-review>cancelled',
  'failed>queued',
])

export const legalEdges: MakeCheck = (w) => {
  const take = (move: Move, from: string, to: string) => {
    const edge = `${from}>${to}`
    if (LEGAL.has(edge)) w.edge(edge)
    else w.fail('legal-edges', `${move.jobId} went from ${from} to ${to}`)
  }
  return {
    ...GOES_ON,
    move(move) {
      const [gone] = move.gone
      const [put] = move.put
      const from = gone?.item ?? put?.before
      if (!from) return
      const to = (move.end?.['outcome'] ?? put?.item['state']) as string | undefined
      if (to === undefined || isFlag(from, put?.item)) return
      const state = from['state'] as string
      if (move.approval?.['decision'] === 'approved') {
        take(move, state, 'queued-approved')
        take(move, 'queued-approved', to)
      } else take(move, state, to)
    },
  }
}

/** A cancellation that was asked for: the record stays what it is. */
const isFlag = (before: Item, after: Item | undefined): boolean =>
  after !== undefined && after['cancelRequested'] === true && after['fence'] === before['fence']
