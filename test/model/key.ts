/**
 * A state in a few characters. Its parts are shared between states, so each is written down once and numbered. Which of
 * the two dispatchers is which makes no difference: states that differ in that alone are one.
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

/** Numbers each text as it comes, in two characters. */
class Numbered<T extends object> {
  private readonly byText = new Map<string, string>()
  private readonly byPart = new WeakMap<T, string>()

  constructor(private readonly textOf: (part: T) => string) {}

  of(part: T): string {
    const known = this.byPart.get(part)
    if (known !== undefined) return known
    const text = this.textOf(part)
    const { size } = this.byText
    const id = this.byText.get(text) ?? String.fromCharCode(size & 0xffff, size >>> 16)
    this.byText.set(text, id)
    this.byPart.set(part, id)
    return id
  }
}

export function keyOf(): (s: State) => string {
  const jobs = new Numbered(jobText)
  const dispatchers = new Numbered(dispatcherText)
  return (s) => {
    const [a = '', b = ''] = s.dispatchers.map((d) => dispatchers.of(d))
    const swapped = a > b || (a === b && s.holder === 1)
    const holder = swapped && s.holder >= 0 ? 1 - s.holder : s.holder
    let key = `${s.noted}${s.lease[0]}${holder + 1}${+s.cached}${+s.waking}${s.mishaps}`
    for (const job of s.jobs) key += jobs.of(job)
    return key + (swapped ? b + a : a + b)
  }
}
