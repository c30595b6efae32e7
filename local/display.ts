/** The live picture as text: a table that is redrawn on a terminal, one plain line elsewhere. */
import { TIERS, type Tier } from '../core/job.ts'
import type { WaitReason } from '../core/wait-reason.ts'
import type { Picture } from './picture.ts'
import { printableLine } from './printable.ts'

/** core/wait-reason.ts has the sentences; a table has room for a few words. */
const WAITS_FOR: Readonly<Record<WaitReason, string>> = {
  SCHEDULED: 'its start time',
  BACKOFF: 'its next try',
  SAME_CALL: "an identical job's answer",
  CAPACITY_RPM: 'the limit of requests',
  CAPACITY_TPM: 'the limit of tokens',
  CAPACITY_DAY: "the day's limit",
  CAPACITY_CONCURRENCY: 'a call in flight to end',
  PEOPLE_FIRST: 'what is kept for people',
  OWNER_LIMIT: "its owner's cap",
  TIER_TURN: "another tier's turn",
  OWNER_TURN: "another owner's turn",
  PROVIDER_CONFIG: 'the provider to be mended',
  SLOWDOWN: 'the provider, which allows less for now',
  CIRCUIT_OPEN: 'the provider to be back',
  CLOCK_OFF: 'a clock that is right',
  REVIEW: 'a person',
  DISPATCHING: 'the next tick',
}
const OWNERS_SHOWN = 6
const BAR = 24

const percent = (part: number): string => `${Math.round(part * 100)}%`
const cell = (value: string | number, width: number): string => String(value).padStart(width)
const bar = (part: number): string => {
  const full = Math.round(Math.min(1, part) * BAR)
  return '█'.repeat(full) + '░'.repeat(BAR - full)
}
const windowOf = (p: Picture): string => `the last ${p.windowMs / 1000} s`
const callsOf = ({ calls, limit }: Picture): string => (limit === undefined ? `${calls}` : `${calls} of ${limit}`)
const draftsOf = (p: Picture): string => `${p.drafts}${p.draftsMore ? '+' : ''}`

interface Counts {
  readonly queued: number
  readonly running: number
  readonly done: number
  readonly waits: string
}
function countsOf(p: Picture, tier: Tier): Counts {
  const { queued, running, done, waits } = p.overview?.tiers[tier] ?? { queued: 0, running: 0, done: 0 }
  const words = waits !== undefined && waits in WAITS_FOR ? WAITS_FOR[waits as WaitReason] : (waits ?? '')
  return { queued, running, done, waits: queued > 0 ? words : '' }
}

function timeLeft(p: Picture): string {
  const all = TIERS.map((tier) => countsOf(p, tier))
  if (p.overview === null || p.loading || all.some((c) => c.queued > 0))
    return p.secondsLeft === undefined ? 'working' : `about ${Math.max(1, Math.ceil(p.secondsLeft))} s left`
  if (all.some((c) => c.running > 0)) return 'the last answers are on their way'
  return all.some((c) => c.done > 0) ? 'all calls are done' : 'starting'
}

export function asLine(p: Picture): string {
  const tiers = TIERS.map((tier) => {
    const { queued, running, done } = countsOf(p, tier)
    return `${tier} ${queued}/${running}/${done}`
  })
  return [
    ...(p.loading ? [loadingOf(p.loading)] : []),
    `queued/running/done: ${tiers.join(', ')}`,
    `${callsOf(p)} calls in ${windowOf(p)}`,
    `429s: ${p.refused}`,
    `drafts waiting: ${draftsOf(p)}`,
    timeLeft(p),
    ...stoppedOf(p),
  ].join('; ')
}

const loadingOf = ({ submitted, total }: NonNullable<Picture['loading']>): string =>
  `submitting the sample: ${submitted} of ${total}`
const stoppedOf = ({ overview }: Picture): string[] =>
  overview?.stopped === undefined ? [] : [`STOPPED: ${printableLine(overview.stopped)}`]

export function asTable(p: Picture): string[] {
  const tiers = TIERS.map((tier) => {
    const { queued, running, done, waits } = countsOf(p, tier)
    return `${tier.padEnd(24)}${cell(queued, 8)}${cell(running, 9)}${cell(done, 7)}   ${waits}`.trimEnd()
  })
  const lines = [
    `${'tier'.padEnd(24)}${cell('queued', 8)}${cell('running', 9)}${cell('done', 7)}   first in line waits for`,
    ...tiers,
    '',
    `${`calls in ${windowOf(p)}`.padEnd(24)}  ${p.limit ? `${bar(p.calls / p.limit)} ` : ''}${callsOf(p)}   429s: ${p.refused}`,
    '',
    ...ownersOf(p),
    `drafts waiting for a person: ${draftsOf(p)}   ${timeLeft(p)}`,
    ...(p.loading ? [loadingOf(p.loading)] : []),
    ...stoppedOf(p),
  ]
  return lines.map((line) => (line === '' ? '' : `  ${line}`))
}

/** Their shares of the window's calls, beside what each is due when all of them have work queued. */
function ownersOf(p: Picture): string[] {
  const busy = (p.overview?.owners ?? []).filter((o) => o.served + o.queued > 0)
  if (busy.length === 0) return []
  const rows = busy.slice(0, OWNERS_SHOWN).map((o) => {
    const name = printableLine(o.owner)
    const short = name.length > 23 ? `${name.slice(0, 22)}…` : name
    return `${short.padEnd(24)}${cell(o.queued, 8)}${cell(o.served, 9)}${cell(percent(o.share), 7)}${cell(percent(o.entitlement), 7)}`
  })
  const more = (p.overview?.ownersLive ?? 0) - rows.length
  return [
    `${'busiest owners'.padEnd(24)}${cell('queued', 8)}${cell('calls', 9)}${cell('share', 7)}${cell('due', 7)}`,
    ...rows,
    ...(more > 0 ? [`and ${more} more`] : []),
    '',
  ]
}

const UP = (lines: number): string => (lines > 0 ? `\x1b[${lines}A` : '')
const CLEAR_LINE_END = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

const clipped = (line: string, columns: number): string => {
  const characters = [...line]
  return characters.length > columns ? `${characters.slice(0, columns - 1).join('')}…` : line
}

/**
 * Draws over what it drew before, in one write and without clearing first, so that nothing flickers. A line that the
 * terminal would wrap, or one that has scrolled away, could not be drawn over: both are cut off.
 */
export function redrawer(p: {
  write: (text: string) => void
  size: () => { columns: number; rows: number }
}): (lines: readonly string[]) => void {
  let drawn = 0
  return (lines) => {
    const { columns, rows } = p.size()
    const visible = lines.slice(0, rows - 1).map((line) => clipped(line, columns))
    p.write(`\r${UP(drawn)}${visible.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')}${CLEAR_BELOW}`)
    drawn = visible.length
  }
}
