/** Every planted bug. */
import type { Bug } from './bug.ts'
import { CACHE_BUGS } from './cache.ts'
import { CHANGE_BUGS } from './changes.ts'
import { DIMENSION_BUGS } from './dimensions.ts'
import { DISPATCH_BUGS } from './dispatch.ts'
import { END_BUGS } from './ends.ts'
import { FALLBACK_BUGS } from './fallback.ts'
import { FEEDBACK_BUGS } from './feedback.ts'
import { JOB_BUGS } from './jobs.ts'
import { LEARNED_BUGS } from './learned.ts'
import { BATCH_BUGS, CLOCK_BUGS, STOP_BUGS } from './newer.ts'
import { OWNER_BUGS } from './owner-caps.ts'
import { PASSED_BUGS } from './passed.ts'
import { PERSONS_BUGS } from './persons.ts'
import { REAL_BUGS } from './real.ts'
import { REFUND_BUGS } from './refund.ts'
import { RESTORED_BUGS } from './restored.ts'
import { SHARING_BUGS } from './sharing.ts'

export const BUGS: readonly Bug[] = [
  ...DISPATCH_BUGS,
  ...SHARING_BUGS,
  ...JOB_BUGS,
  ...CLOCK_BUGS,
  ...STOP_BUGS,
  ...BATCH_BUGS,
  ...REFUND_BUGS,
  ...DIMENSION_BUGS,
  ...CACHE_BUGS,
  ...FEEDBACK_BUGS,
  ...LEARNED_BUGS,
  ...FALLBACK_BUGS,
  ...END_BUGS,
  ...PERSONS_BUGS,
  ...CHANGE_BUGS,
  ...PASSED_BUGS,
  ...OWNER_BUGS,
  ...RESTORED_BUGS,
  ...REAL_BUGS,
]
