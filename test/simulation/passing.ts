/**
 * People whose calls are passed through: they wait for a permit or in vain, connections take longer than permits last, the
 * provider refuses or does not tell what was used, and some go away in the middle of the answer.
 */
import { peopleKey } from '../../adapters/keys.ts'
import { type ChatBody, inputTokensOf, maximumOf } from '../../core/chat.ts'
import type { Usage } from '../../core/job.ts'
import type { PeopleRecord } from '../../core/people.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { CALL_LASTS_MS, chat } from '../../services/chat/chat.ts'
import type { ChatAnswer, ChatCall, PeopleStore } from '../../services/ports.ts'
import { aCaller } from '../support/callers.ts'
import { PASSED_MODEL } from './drawn-settings.ts'
import type { HeardOfPeople } from './interactive.ts'
import { Stream } from './random.ts'
import { START, type World } from './world.ts'

const POOL = 'main'
const PERSONS = ['sam', 'tess']
/** Of more a refusal would have to be looked for in every answer of the pool. */
const EXPECTED = [
  ...['permits-open', 'rate-reached', 'line-full', 'larger-than-pool', 'no-permit-free', 'not-found'],
  ...['provider-limited', 'provider-failed'],
]

export class Passing {
  pending = 0
  /** So long a permit of a process that died may stand, and keep the dispatcher at its post. */
  standsMs = 0
  private readonly stream: Stream

  constructor(
    private readonly world: World,
    private readonly heard: HeardOfPeople,
  ) {
    this.stream = new Stream(world.scenario.seed, 'through')
  }

  begin(): void {
    const { settings, activeMs } = this.world.scenario
    if (!settings.pools[POOL]?.people || this.stream.chance(0.5)) return
    this.standsMs = CALL_LASTS_MS
    for (let left = this.stream.int(5, 30); left > 0; left--) {
      this.pending++
      const at = START + this.stream.int(0, activeMs)
      this.world.clock.at(at, () => void this.comes().finally(() => this.pending--))
    }
  }

  private async comes(): Promise<void> {
    const { stream, world } = this
    const who = aCaller(stream.pick(PERSONS), { scopes: ['capacity:use'] })
    const body: ChatBody = {
      model: PASSED_MODEL,
      messages: [{ role: 'user', content: 'x'.repeat(stream.int(1, 60)) }],
      ...(stream.chance(0.5) ? { max_tokens: stream.int(5, 40) } : {}),
    }
    const gone = new AbortController()
    const leaves = stream.chance(0.2)
    const waits = { waitS: stream.pick([0, 1, 5]), gone: gone.signal }
    const goesMs = stream.chance(0.1) ? stream.int(0, 3_000) : undefined
    const last = { id: '' }
    const asked = await world.request(async (deps) => {
      if (goesMs !== undefined) void deps.clock.until(deps.clock.now() + goesMs).then(() => gone.abort())
      const call = await chat(this.withProvider(deps, last), who, { body, ...waits })
      if (!call.ok) return call.code
      const reader = call.call.body.getReader()
      if (leaves) await reader.read().then(() => reader.cancel())
      else while (!(await reader.read()).done);
      return undefined
    })
    if (asked.kind === 'done' && asked.value !== undefined && !EXPECTED.includes(asked.value))
      this.heard.odd(`a call was not passed through: ${asked.value}`)
    if (asked.kind === 'done' && asked.value === 'no-permit-free') this.leftNothing(last.id)
  }

  /** Unless giving it back failed, or what it asked for landed once more after that: then it ends by itself. */
  private leftNothing(id: string): void {
    const record = this.world.tables.get('capacity', peopleKey(POOL)) as unknown as PeopleRecord | undefined
    const permit = record?.permits[id]
    const again = ['late', 'duplicate'].some((fault) =>
      ['take', 'join'].some((call) => this.world.mix.counts.has(`${fault} people.${call}`)),
    )
    if (permit && !permit.closed && !again && !this.world.counted.get('PermitsNotClosed'))
      this.heard.odd(`who waited in vain for ${id} is still in line for it, or holds it`)
  }

  /** The provider, to whom it is told under which permit each call comes. */
  private withProvider(deps: FunctionDeps, last: { id: string }): FunctionDeps {
    const noting = <M extends 'take' | 'join'>(method: M): PeopleStore[M] =>
      ((p: Parameters<PeopleStore[M]>[0]) => {
        last.id = p.id
        return deps.people[method](p as never)
      }) as PeopleStore[M]
    const people: PeopleStore = { ...deps.people, take: noting('take'), join: noting('join') }
    return { ...deps, people, chat: { call: (call) => this.called(deps, call, () => last.id) } }
  }

  private async called(deps: FunctionDeps, { nears, begin, body }: ChatCall, id: () => string): Promise<ChatAnswer> {
    const { stream } = this
    if (!(await nears())) return { kind: 'missed' }
    const connectMs = stream.chance(0.8) ? stream.int(0, 100) : stream.int(0, 2_500)
    const broken = stream.chance(0.05)
    await deps.clock.until(deps.clock.now() + connectMs)
    if (broken) return { kind: 'failed', sent: false, said: { kind: 'error', message: 'ECONNREFUSED', headers: {} } }
    if (!(await begin())) return { kind: 'missed' }
    const { tokens: maxOutputTokens = 0 } = maximumOf(body) ?? {}
    if (maxOutputTokens === 0) this.heard.odd('a call without a maximum is passed through')
    const asked = { inputTokens: inputTokensOf(body), maxOutputTokens, useWithinMs: 1_000 }
    const used = {
      inputTokens: stream.int(1, asked.inputTokens),
      outputTokens: stream.int(1, maxOutputTokens),
    }
    const afterMs = stream.spread(30, 700)
    const fails = stream.chance(0.1)
    const told = !fails && stream.chance(0.8)
    const { time: at } = this.world.clock
    this.heard.called({ pool: POOL, id: id(), at, asked, used, afterMs, passed: { told } })
    if (!fails)
      return { kind: 'answers', contentType: '', headers: {}, chunks: said(deps, afterMs, told ? used : undefined) }
    await deps.clock.until(deps.clock.now() + afterMs)
    const status = stream.pick([429, 500])
    return { kind: 'failed', sent: true, said: { kind: 'error', status, message: 'no', headers: {} } }
  }
}

/** At least a first word, and the last after so long. */
async function* said(deps: FunctionDeps, afterMs: number, usage: Usage | undefined) {
  yield new Uint8Array(1)
  await deps.clock.until(deps.clock.now() + afterMs)
  yield new Uint8Array(1)
  return usage
}
