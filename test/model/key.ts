/**
 * A state in a few characters, and back. Its parts are shared between states, so each is written down once and numbered.
 * Which of the two dispatchers is which makes no difference: states that differ in that alone have one key.
 */
import type { At, Dispatcher, Job, LiveRecord, Memory, State } from './state.ts'

const at = (a: At | undefined): string => (a ? `${a.place}${a.fence}` : '-')
const record = (r: LiveRecord | undefined): string => (r ? `${r.state[0]}${r.fence}` : '-')

function jobText(job: Job): string {
  const workers = job.workers.map((w) => `${w.pc[2]}${at(w)}`).sort()
  const parts = [job.submit, job.repeat, job.moved ?? '-', +job.ended, +job.late, ...job.live.map(record)]
  return [...parts, job.bells, job.messages, ...workers, job.called, job.wrong ?? ''].join()
}

const memoryText = ({ heads, sent, rung, permit }: Memory): string =>
  `${heads[0] ?? '-'}${heads[1] ?? '-'}${at(sent)}${at(permit)}${rung}`

const dispatcherText = (d: Dispatcher): string =>
  [d.pc, d.owners, d.unnoted, d.owner, +d.toSend, +d.toForget, ...d.jobs.map(memoryText)].join()

/** Numbers each text as it comes, in two characters, and knows what it was the text of. */
class Numbered<T extends object> {
  private readonly byText = new Map<string, string>()
  private readonly byPart = new WeakMap<T, string>()
  private readonly parts: T[] = []

  constructor(private readonly textOf: (part: T) => string) {}

  of(part: T): string {
    const known = this.byPart.get(part)
    if (known !== undefined) return known
    const id = this.numbered(this.textOf(part), part)
    this.byPart.set(part, id)
    return id
  }

  private numbered(text: string, part: T): string {
    const known = this.byText.get(text)
    if (known !== undefined) return known
    const n = this.parts.push(part) - 1
    const id = String.fromCharCode(n & 0xffff, n >>> 16)
    this.byText.set(text, id)
    return id
  }

  at(id: string): T {
    return this.parts[id.charCodeAt(0) + id.charCodeAt(1) * 0x10000] as T
  }
}

const LEASES = ['free', 'held', 'ending'] as const
/** All of a state but its parts: each a digit. */
const HEAD = 6
const headOf = (s: State, holder: number): string =>
  `${s.noted}${LEASES.indexOf(s.lease)}${holder + 1}${+s.cached}${+s.waking}${s.mishaps}`

export interface Coding {
  key(s: State): string
  packed(s: State): string
  unpacked(text: string): State
}

export function coding(): Coding {
  const jobs = new Numbered(jobText)
  const dispatchers = new Numbered(dispatcherText)
  const text = (s: State, holder: number, both: readonly string[]): string => {
    let all = headOf(s, holder)
    for (const job of s.jobs) all += jobs.of(job)
    return all + both.join('')
  }
  const both = (s: State) => s.dispatchers.map((d) => dispatchers.of(d))
  return {
    key(s) {
      const [a = '', b = ''] = both(s)
      const swapped = a > b || (a === b && s.holder === 1)
      return swapped ? text(s, s.holder < 0 ? s.holder : 1 - s.holder, [b, a]) : text(s, s.holder, [a, b])
    },
    packed: (s) => text(s, s.holder, both(s)),
    unpacked(packed) {
      const [noted = 0, lease = 0, holder = 0, cached, waking, mishaps = 0] = [...packed.slice(0, HEAD)].map(Number)
      const ids: string[] = []
      for (let i = HEAD; i < packed.length; i += 2) ids.push(packed.slice(i, i + 2))
      return {
        jobs: ids.slice(0, -2).map((id) => jobs.at(id)),
        dispatchers: ids.slice(-2).map((id) => dispatchers.at(id)),
        ...{ noted, lease: LEASES[lease] as State['lease'], holder: holder - 1 },
        ...{ cached: cached === 1, waking: waking === 1, mishaps },
      }
    },
  }
}
