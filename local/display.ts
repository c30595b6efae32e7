/** The live picture as text: a table that is redrawn on a terminal, one plain line elsewhere. */
import { TIERS } from '../core/job.ts'
import type { Picture } from './picture.ts'
import { printable } from './printable.ts'

const percent = (part: number): string => `${Math.round(part * 100)}%`.padStart(4)
const cell = (value: string | number, width: number): string => String(value).padStart(width)
const bar = (part: number, width: number): string => {
  const full = Math.round(Math.min(1, part) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
const OWNERS_SHOWN = 6
const drafts = (p: Picture): string => `${p.drafts}${p.draftsMore ? '+' : ''}`

export function asLine(p: Picture): string {
  const tiers = p.overview ? TIERS.map((t) => `${t} ${counts(p, t).join('/')}`).join('  ') : 'starting'
  const calls = `${p.calls}/${p.limit} calls in ${p.windowMs / 1000} s`
  return `queued/running/done  ${tiers}  | ${calls}  ${p.refused} x 429 | ${drafts(p)} drafts waiting | about ${Math.ceil(p.secondsLeft)} s left`
}

const counts = (p: Picture, tier: (typeof TIERS)[number]): [number, number, number] => {
  const t = p.overview?.tiers[tier]
  return [t?.queued ?? 0, t?.running ?? 0, t?.done ?? 0]
}

export function asTable(p: Picture): string {
  const rows = TIERS.map((tier) => {
    const [queued, running, done] = counts(p, tier)
    const waits = queued > 0 ? (p.overview?.tiers[tier].waits ?? '') : ''
    return `  ${tier.padEnd(8)}${cell(queued, 7)}${cell(running, 9)}${cell(done, 7)}   ${waits}`
  })
  const owners = (p.overview?.owners ?? [])
    .filter((o) => o.served + o.queued > 0)
    .slice(0, OWNERS_SHOWN)
    .map(
      (o) =>
        `  ${printable(o.owner).slice(0, 24).padEnd(24)}${cell(o.queued, 7)}${cell(o.served, 8)}   ${percent(o.share)} of ${percent(o.entitlement)} due`,
    )
  return [
    `  ${'tier'.padEnd(8)}${cell('queued', 7)}${cell('running', 9)}${cell('done', 7)}   waits for`,
    ...rows,
    '',
    `  calls in the last ${p.windowMs / 1000} s  ${bar(p.limit ? p.calls / p.limit : 0, 30)} ${p.calls} of ${p.limit}    429s: ${p.refused}`,
    '',
    `  ${'owner'.padEnd(24)}${cell('queued', 7)}${cell('served', 8)}   share of the window`,
    ...owners,
    '',
    `  drafts waiting for a person: ${drafts(p)}    time left: about ${Math.ceil(p.secondsLeft)} s`,
    ...(p.overview?.stopped === undefined ? [] : ['', `  STOPPED: ${printable(p.overview.stopped)}`]),
  ].join('\n')
}

const CLEAR_BELOW = '\x1b[J'
const upBy = (lines: number): string => (lines > 0 ? `\x1b[${lines}A\r` : '')

/** Draws over what it drew before. */
export function redrawer(write: (text: string) => void): (text: string) => void {
  let lines = 0
  return (text) => {
    write(`${upBy(lines)}${CLEAR_BELOW}${text}\n`)
    lines = text.split('\n').length
  }
}
