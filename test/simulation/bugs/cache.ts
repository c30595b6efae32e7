/** Bugs in the answer cache. */
import type { Bug } from './bug.ts'

const SAME = 'services/same-call.ts'
const SETTLE = 'services/settle.ts'

export const CACHE_BUGS: readonly Bug[] = [
  {
    name: "an owner gets another owner's answer",
    file: SAME,
    find: 'const asked = [owner, provider.kind',
    replace: 'const asked = [provider.kind',
    seed: 6,
  },
  {
    name: 'a longer answer is taken for a shorter one',
    file: SAME,
    find: 'prompt, maxOutputTokens, temperature]\n',
    replace: 'prompt, temperature && maxOutputTokens]\n',
    seed: 6,
  },
  {
    name: 'a cut answer is kept',
    file: SETTLE,
    find: 'answer.whole && cacheKey',
    replace: 'cacheKey',
    seed: 6,
  },
  {
    name: 'an answer is taken for as long as it stands',
    file: SAME,
    find: 'return stored && now < stored.cached.at + ttlMs ?',
    replace: 'return stored && now < stored.cached.at + 1000 * ttlMs ?',
    seed: 91,
  },
  {
    name: 'identical jobs in flight are called each',
    file: SAME,
    find: "if (live?.state === 'running' && live.fence",
    replace: "if (live?.state === 'failed' && live.fence",
    seed: 36,
  },
  {
    name: 'a stored answer is not looked for',
    file: SAME,
    find: '  if (!parts || of?.answers',
    replace: '  if (!parts || parts.end || of?.answers',
    seed: 20,
  },
  {
    name: 'what has left its lane between two looks is not found',
    file: SAME,
    find: '  const [live] = await deps.jobs.live({ keys: [leader.key] })\n',
    replace:
      '  const before = deps.jobs.load({ jobId: leader.jobId, now: deps.clock.now() })\n  const [live] = await before.then(() => deps.jobs.live({ keys: [leader.key] }))\n  deps = { ...deps, jobs: { ...deps.jobs, load: () => before } }\n',
    seed: 345,
  },
  {
    name: 'the lead is taken from whoever has it by now',
    file: 'adapters/memory/job-store.ts',
    find: "      if (stands && !(instead && isSame(stands, instead))) return 'taken'\n",
    replace: '      void instead\n',
    seed: 98,
  },
  {
    name: 'a draft that a person has rejected is taken',
    file: SAME,
    find: 'const of = parts?.end ?? parts?.draft\n  const text = parts?.end ? parts.end.result : parts?.draft?.text',
    replace: 'const of = parts?.draft ?? parts?.end\n  const text = parts?.draft?.text ?? parts?.end?.result',
    seed: 615,
  },
  {
    name: 'a wait for an identical job uses up a throttle',
    file: SETTLE,
    find: 'later(deps, record, sent, { at, awaits: true })',
    replace: 'later(deps, record, sent, { at, awaits: true, throttles: record.throttles + 1 })',
    seed: 6,
  },
  {
    name: 'a slot that the cache saved is not given back',
    file: 'services/attempt.ts',
    find: "  if (same.kind === 'spared') return uncalled(same.done)\n",
    replace: "  if (same.kind === 'spared') return same.done\n",
    seed: 6,
  },
  {
    name: 'a job that ends from the cache says that it had used what the call had',
    file: SAME,
    find: 'usage: NOTHING_USED, headers: {} } as const',
    replace: 'usage: { inputTokens: same.tokens }, headers: {} } as const',
    seed: 6,
  },
]
