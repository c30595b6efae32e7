/** A cancel that a running job's worker was asked for wins: the job ends as cancelled, by whoever ends it. */
import { GOES_ON, type MakeCheck } from './check.ts'

export const cancels: MakeCheck = (w) => ({
  ...GOES_ON,
  move({ gone, put, end, jobId }, job) {
    for (const { item, before } of put)
      if (before?.['cancelRequested'] === true && item['cancelRequested'] !== true)
        w.fail('cancels', `${jobId} forgot that it is to be cancelled`)
    if (gone[0]?.item['cancelRequested'] !== true) return
    // A record that revives what has ended or moved goes without an end of its own.
    if (end ? end['outcome'] !== 'cancelled' : job?.end === undefined && job?.at === undefined)
      w.fail('cancels', `${jobId} was to be cancelled and went to ${end?.['outcome'] ?? 'nowhere'}`)
  },
})
