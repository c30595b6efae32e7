/**
 * What a pool makes of its provider's weather. At all times: our own use lowers nothing, and what was lowered comes back
 * once the provider is well. In calm schedules, where nothing else fails: a lowered limit and others on it are followed
 * within seconds, a provider that is down is asked by single calls, costs no job its end, and meets no storm.
 */
import { OPEN_AFTER } from '../../../core/breaker.ts'
import type { Overview } from '../../../core/overview.ts'
import { isIn, overAt, type Span } from '../weather.ts'
import type { Arrival, MakeCheck } from './check.ts'

/** To hear of a change: a call's answer, its message's slowest neighbour, a bell, a tick. And some windows to drain in. */
const HEARD_MS = 8_000
const WINDOWS = 3
/** Of the calls in a window, once it is followed: the brim of a limit that others share is never quite still. */
const REFUSED_AT_MOST = 0.2
const REFUSED_SPARE = 3
/** What people may have called counts as ours: where they have not, it hides as many of others' calls for a moment. */
const REFUSED_BESIDE_PEOPLE = 0.4
/** So many jobs' failures are heard of; calls that are out by then still come. */
const OPEN_AFTER_MS = 5_000
/** Pictures that stand further apart than this were not painted by one who was there all the time. */
const PAINTED_WITHIN_MS = 5_000
/** What was sent before a failure was known costs an attempt. */
const SPARED_AFTER_MS = 10_000
const PROBES_APART_MS = 1_200
/** In the first seconds after its return at most so much of the pace. */
const RETURN_MS = 2_000
const RETURN_AT_MOST = 0.6

export const weather: MakeCheck = (w) => {
  const { weather: its } = w.scenario
  const { main } = w.scenario.settings.pools
  if (!its || !main) return {}
  const began = w.now()
  const { windowMs, requests = 1 } = main
  const { of } = its
  const configured = main[of] ?? 1
  const settleMs = HEARD_MS + WINDOWS * windowMs
  const calls: { at: number; refused: boolean }[] = []
  const failed = new Set<string>()
  /** When enough had failed to be known by. */
  let knownAt = Number.POSITIVE_INFINITY
  let probedAt = Number.NEGATIVE_INFINITY
  /** Since when pictures come without a gap, and the last one's time. */
  let awake = { since: began, at: began }
  let answered = false
  /** Since when those who wait come little by little, and how many have come. */
  let slowly = { since: Number.NEGATIVE_INFINITY, calls: 0 }

  const settledIn = (span: Span | undefined, ms: number) => isIn(span && { ...span, from: span.from + settleMs }, ms)

  const followed = (ms: number) => {
    // In bursts only refusals tell of others.
    const shared = main.pacing === 'even' ? its.shared : undefined
    if (!its.tells || !(settledIn(its.half, ms) || settledIn(shared, ms))) return
    const late = calls.filter(({ at }) => at > w.now() - windowMs)
    const refused = late.filter((call) => call.refused).length
    if (refused > (main.people ? REFUSED_BESIDE_PEOPLE : REFUSED_AT_MOST) * late.length + REFUSED_SPARE)
      w.fail(
        'weather',
        `${refused} of ${late.length} calls in a window of ${of} are refused, long after the limit fell`,
      )
  }
  const asked = (ms: number, { request }: Arrival) => {
    if (!isIn(its.down, ms)) return
    if (failed.add(request.jobId).size === OPEN_AFTER) knownAt = w.now()
    if (w.now() < knownAt + OPEN_AFTER_MS) return
    if (w.now() - probedAt < PROBES_APART_MS)
      w.fail('weather', `calls ${w.now() - probedAt} ms apart ask a provider that is down`)
    probedAt = w.now()
  }
  /** Only where it was down for long enough to be known to be, and nobody has said since that it is well. */
  const returned = (ms: number, { said }: Arrival) => {
    if (!its.down) return
    if (ms >= its.down.to && said.answer.kind === 'text' && !answered) {
      answered = true
      if (knownAt < Number.POSITIVE_INFINITY) slowly = { since: w.now() + said.afterMs, calls: 0 }
    }
    if (w.now() > slowly.since + RETURN_MS) return
    slowly.calls++
    const pace = (requests * RETURN_MS) / windowMs
    if (slowly.calls > 3 + RETURN_AT_MOST * pace)
      w.fail('weather', `${slowly.calls} calls meet a provider within ${RETURN_MS} ms of its return, of ${pace}`)
  }
  /** By hand. Whoever says that it is well may be wrong: nothing is known of it then, and it is met as one that returns. */
  const resumed = () => {
    failed.clear()
    knownAt = Number.POSITIVE_INFINITY
    slowly = { since: w.now(), calls: 0 }
  }
  /** Every refusal says which limit it is for. */
  const explained = (others: NonNullable<Overview['provider']>['allows']) => {
    if (!its.calm || !its.tells) return
    for (const [d, allowed] of Object.entries(others))
      if (allowed.why !== 'configured') w.fail('weather', `what is told of ${of} lowers ${d} to ${allowed.limit}`)
  }
  const painted = ({ provider, at }: Overview) => {
    awake = { since: at - awake.at > PAINTED_WITHIN_MS ? at : awake.since, at }
    const { [of]: ours, ...others } = provider?.allows ?? {}
    explained(others)
    const { limit = configured, why = 'configured' } = ours ?? {}
    if (limit >= configured || why === 'configured' || why === 'learned' || w.scenario.clocks === 'beyond') return
    if (!its.half && !its.shared) w.fail('weather', `our own calls alone lower the limit to ${limit} ${of} (${why})`)
    // Who comes after a gap reads first what was told before it.
    else if (at > Math.max(began + overAt(its), awake.since) + settleMs)
      w.fail('weather', `the limit is ${limit} ${of} (${why}) ${at - began - overAt(its)} ms after all is as it was`)
  }
  return {
    arrival(arrival) {
      if (arrival.pool !== 'main') return
      const ms = w.now() - began
      const { answer } = arrival.said
      calls.push({ at: w.now(), refused: answer.kind === 'error' && answer.status === 429 })
      if (!its.calm) return
      followed(ms)
      asked(ms, arrival)
      returned(ms, arrival)
    },
    commit(commit, actor) {
      for (const { pk, sk, before, after } of commit) {
        if (sk === 'stop' && pk === 'main' && before?.['down'] && !after && actor?.process.role === 'api') resumed()
        if (sk === 'overview' && pk === 'main' && after) painted(after as unknown as Overview)
        if (sk !== 'end' || !its.calm || !its.down || after?.['reason'] !== 'attempts-used-up') continue
        const last = (after['errors'] as { at: number }[]).at(-1)?.at ?? 0
        if (last > knownAt + SPARED_AFTER_MS)
          w.fail('weather', `${String(after.pk)} failed while its provider was known to be down`)
      }
    },
  }
}
