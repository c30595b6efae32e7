/** Every check, in the order in which they are asked. */
import { acceptedJobs } from './accepted-jobs.ts'
import { approvals } from './approvals.ts'
import { atRest } from './at-rest.ts'
import { bellsAfterWrite } from './bells-after-write.ts'
import { calls } from './calls.ts'
import { cancels } from './cancels.ts'
import { changes } from './changes.ts'
import type { MakeCheck } from './check.ts'
import { conservation } from './conservation.ts'
import { covered } from './covered.ts'
import { endsIdle } from './ends-idle.ts'
import { fallback } from './fallback.ts'
import { fences } from './fences.ts'
import { findable } from './findable.ts'
import { heard } from './heard.ts'
import { inFlight } from './in-flight.ts'
import { lease } from './lease.ts'
import { legalEdges } from './legal-edges.ts'
import { line } from './line.ts'
import { mended } from './mended.ts'
import { noRecovery } from './no-recovery.ts'
import { oneHome } from './one-home.ts'
import { ownerCaps } from './owner-caps.ts'
import { passed } from './passed.ts'
import { peoplesShare } from './peoples-share.ts'
import { permits } from './permits.ts'
import { persons } from './persons.ts'
import { pictures } from './pictures.ts'
import { probes } from './probes.ts'
import { published } from './published.ts'
import { refused } from './refused.ts'
import { sameCalls } from './same-calls.ts'
import { sharing } from './sharing.ts'
import { soundClocks } from './sound-clocks.ts'
import { weather } from './weather.ts'
import { wholeAnswers } from './whole-answers.ts'
import { windows } from './windows.ts'

export const CHECKS: readonly MakeCheck[] = [
  legalEdges,
  oneHome,
  fences,
  acceptedJobs,
  findable,
  bellsAfterWrite,
  lease,
  endsIdle,
  mended,
  persons,
  peoplesShare,
  line,
  passed,
  pictures,
  probes,
  permits,
  calls,
  windows,
  ownerCaps,
  changes,
  inFlight,
  covered,
  soundClocks,
  refused,
  approvals,
  cancels,
  sameCalls,
  wholeAnswers,
  noRecovery,
  heard,
  sharing,
  conservation,
  weather,
  fallback,
  published,
  atRest,
]
