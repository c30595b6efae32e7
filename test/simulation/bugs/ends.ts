/** Bugs in how ends are told. */
import type { Bug } from './bug.ts'

const PUBLISH = 'services/publish-ends.ts'

export const END_BUGS: readonly Bug[] = [
  {
    name: 'the stream goes on from the last end that failed',
    file: PUBLISH,
    find: 'return ends.find((',
    replace: 'return ends.findLast((',
    seed: 8,
  },
  {
    name: 'ends that the bus refused count as told',
    file: PUBLISH,
    find: 'failed.some((event) => event.jobId === jobId)',
    replace: 'failed.some((event) => event.jobId === jobId && jobId === undefined)',
    seed: 8,
  },
  {
    name: 'of ends told together each is told as the first was',
    file: PUBLISH,
    find: 'ends.map(({ jobId, outcome, endedAt }) => ({ jobId, outcome, endedAt }))',
    replace: 'ends.map(({ jobId, endedAt }) => ({ jobId, outcome: ends[0]?.outcome as End["outcome"], endedAt }))',
    seed: 2,
  },
]
