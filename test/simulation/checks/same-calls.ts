/**
 * The answer cache: of jobs of one owner that ask the same, no two are called while a whole answer stands that is fresh
 * enough, or while another's call is in flight and its worker's lease is good; who ends without a call has that owner's
 * stored answer, as it is, and says so; who waits uses up no try. What is the same it renders itself.
 */
import type { Item } from '../../../adapters/records.ts'
import type { JobFacts } from '../book.ts'
import type { Move } from '../moves.ts'
import type { MakeCheck, Witness } from './check.ts'

/** Clocks differ by less; of what lies so close to a moment neither is wrong. */
const ABOUT_MS = 1_000

interface Settled {
  readonly jobId: string
  readonly fence: number
  readonly what: string
  readonly uncalled?: boolean
  readonly usage?: object
}
interface Kept {
  readonly text: unknown
  readonly at: number
  /** When it stood in the tables. Its worker's lease was over by then: another may have called meanwhile. */
  readonly since: number
  readonly doubtful: boolean
  readonly model: string | undefined
  /** When it ended otherwise than as succeeded: whose draft a person has refused is no answer. */
  refusedAt?: number
}

export const sameCalls: MakeCheck = (w) => {
  if (w.scenario.topics === 0) return {}
  const fail = (message: string) => w.fail('same-calls', message)
  const claimedAt = new Map<string, number>()
  /** When each claim took the lead: nobody who could still answer was asking then. */
  const ledAt = new Map<string, number>()
  /** Claims that came to no call because an identical job's answer stood, or was waited for. */
  const spared = new Set<string>()
  const called = new Map<string, boolean>()
  /** By which model: another pool's answers another question. */
  const models = new Map<string, string>()
  const kept = new Map<string, Kept>()
  let saved = 0
  const ttlOf = (job: JobFacts): number => w.scenario.settings.kinds[job.kind]?.cache?.ttlMs ?? 0
  const alike = (job: JobFacts): JobFacts[] =>
    [...w.book.jobs.values()].filter((other) => other !== job && ttlOf(other) > 0 && same(w, other) === same(w, job))

  const keeps = (job: JobFacts, item: Item, move: Move) => {
    const of = `${job.id} ${item['fence'] ?? move.gone[0]?.item['fence']}`
    if (!called.get(of)) fail(`${job.id} keeps an answer that was cut, or that nobody gave`)
    const doubtful = Number(move.gone[0]?.item['leaseUntil']) < w.now() + ABOUT_MS
    const text = item['result'] ?? item['text']
    const model = models.get(of)
    if (!kept.has(job.id)) kept.set(job.id, { text, at: answerOf(item).at, since: w.now(), doubtful, model })
  }
  const takes = (job: JobFacts, item: Item, move: Move) => {
    const { jobId, at } = item['cached'] as { jobId: string; at: number }
    const its = kept.get(jobId)
    const fence = Number(move.gone[0]?.item['fence'])
    const claimed = claimedAt.get(`${job.id} ${fence}`) ?? 0
    const from = w.book.of(jobId)
    if (!its || !from || from === job || same(w, from) !== same(w, job))
      return fail(`${job.id} has an answer of ${jobId}, who was not asked the same`)
    if (its.text !== (item['result'] ?? item['text']) || its.at !== at)
      fail(`${job.id} has not the answer that ${jobId} was given`)
    if (called.has(`${job.id} ${fence}`)) fail(`${job.id} was called and has another's answer`)
    if ((its.refusedAt ?? Infinity) < claimed) fail(`${job.id} has a draft of ${jobId} that was refused before`)
    const usage = item['usage'] as Record<string, number>
    if (Object.values(usage).some((tokens) => tokens > 0)) fail(`${job.id} was not called and used tokens`)
    spared.add(`${job.id} ${fence}`)
    if (w.scenario.clocks !== 'beyond' && at + ttlOf(job) < claimed - ABOUT_MS)
      fail(`${job.id} has an answer that is too old`)
  }
  return {
    effect({ kind, args }) {
      if (kind !== 'jobs.lead') return
      const { jobId, fence } = (args as { leader: { jobId: string; fence: number } }).leader
      if (!ledAt.has(`${jobId} ${fence}`)) ledAt.set(`${jobId} ${fence}`, w.now())
    },
    commit(commit) {
      // A bell to the own pool of what another one served tells of no slot.
      for (const { pk, after } of commit)
        if (pk.startsWith('bell#') && after?.['t'] === 'settled' && after['by'] === undefined)
          for (const { jobId, fence, what, uncalled, usage } of after['jobs'] as readonly Settled[])
            if (what === 'gone' && spared.has(`${jobId} ${fence + 1}`) && (!uncalled || usage))
              fail(`${jobId} was not called, and its slot is not given back`)
    },
    move(move, job, actor) {
      const [put] = move.put
      if (actor?.kind === 'jobs.claim' && put) claimedAt.set(`${move.jobId} ${put.item['fence']}`, w.now())
      if (!job) return
      const [gone] = move.gone
      if (put?.item['awaits'] && gone && (triesOf(put.item) !== triesOf(gone.item) || move.end))
        fail(`${job.id} waits for another's call at a cost`)
      if (put?.item['awaits'] && gone) spared.add(`${job.id} ${gone.item['fence']}`)
      for (const item of [move.draft, move.end]) {
        if (item?.['answers']) keeps(job, item, move)
        if (item?.['cached']) takes(job, item, move)
        if (item?.['cached'] && !move.approval) saved++
      }
      const its = kept.get(job.id)
      if (its && move.end && move.end['outcome'] !== 'succeeded') its.refusedAt = w.now()
    },
    arrival({ request, job, said, at }) {
      const led = ledAt.get(`${request.jobId} ${request.fence}`) ?? Infinity
      const { answer } = said
      const whole = answer.kind === 'text' && answer.whole === true && said.afterMs <= request.timeoutMs
      called.set(`${request.jobId} ${request.fence}`, whole)
      models.set(`${request.jobId} ${request.fence}`, request.model)
      if (!job || ttlOf(job) === 0 || w.scenario.clocks === 'beyond') return
      const others = alike(job)
      // Who keeps answers for less time than another kind finds this one too old, and takes the lead.
      const ttlMs = Math.min(ttlOf(job), ...others.map(ttlOf))
      for (const other of others) {
        const record = w.book.home(other)
        const calls = record?.['state'] === 'running' && models.get(`${other.id} ${record['fence']}`) === request.model
        if (calls && !other.end && Number(record?.['leaseUntil']) > at + ABOUT_MS)
          fail(`${job.id} is called while ${other.id} is`)
        const its = kept.get(other.id)
        const fresh = its && its.model === request.model && its.at + ttlMs > at + ABOUT_MS && !its.refusedAt
        if (fresh && !its.doubtful && its.since < led && w.scenario.forgetMs === 0)
          fail(`${job.id} is called and ${other.id} has its answer`)
      }
    },
    rest() {
      const counted = w.counted('CacheHits')
      // Who died, or did not hear that it was settled, counts nothing.
      if (counted > saved || (w.scenario.faultless && counted !== saved))
        fail(`${saved} calls were saved, and ${counted} are counted`)
    },
  }
}

const answerOf = (item: Item) => item['answers'] as { cacheKey: string; at: number }
const triesOf = (item: Item): string => `${item['attempt']} ${item['throttles']} ${item['crashes']}`

/** Whose job it is, and what it asks: the templates of these schedules name nothing else. */
function same(w: Witness, job: JobFacts): string {
  const stored = w.tables.get('jobs', { pk: job.id, sk: 'input' })
  const { name, topic } = JSON.parse(String(stored?.['input'] ?? '{}')) as { name?: string; topic?: string }
  return JSON.stringify([job.owner, name, topic, w.scenario.settings.kinds[job.kind]?.maxOutputTokens])
}
