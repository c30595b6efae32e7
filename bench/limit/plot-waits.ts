/** How long jobs waited, median and 95th percentile: those of the high tier, and those of the small owners. */
import { axes, bar, legend, type Panel, svg, text } from '../plot.ts'
import { waitsS } from './measures.ts'
import type { Traces } from './plots.ts'

const GROUP_PX = 84
const BAR_PX = 30
const TICKS = [0, 20, 40, 60, 80, 100, 120, 140, 160, 180]

export function waitsPlot({ ours, naive }: Traces): string {
  const groups = [...ours, ...naive].map(([name, trace]) => ({
    name,
    half: waitsS(trace, 0.5),
    most: waitsS(trace, 0.95),
  }))
  const highest = Math.max(...groups.map((g) => Math.max(g.most.high, g.most.smallOwners)))
  const ticks = TICKS.slice(0, TICKS.findIndex((t) => t >= highest) + 1 || TICKS.length)
  const panel: Panel = {
    x: 76,
    y: 96,
    width: groups.length * GROUP_PX,
    height: 250,
    across: { from: 0, to: groups.length, ticks: groups.map((_, i) => i + 0.5) },
    up: { from: 0, to: ticks.at(-1) as number, ticks },
    acrossLabel: '',
    upLabel: 'seconds from due to admitted',
  }
  return svg({
    width: panel.x + panel.width + 24,
    height: 420,
    title: 'Waits in a flood of 3,000 jobs, one owner having 60 %, against 300 calls in any 6 s',
    desc: groups.map(inWords).join(' '),
    body: [
      ...axes(
        panel,
        groups.map(() => ''),
      ),
      ...groups.flatMap((g, i) => words(panel, g.name, i)),
      ...groups.flatMap((g, i) => [
        ...pair(panel, i * GROUP_PX + 10, 'c0', g.half.high, g.most.high),
        ...pair(panel, i * GROUP_PX + 14 + BAR_PX, 'c3', g.half.smallOwners, g.most.smallOwners),
      ]),
      ...legend(panel.x, 50, [
        { text: 'high tier, p50', colour: 'c0', kind: 'box' },
        { text: 'high tier, p95', colour: 'c0', kind: 'pale box' },
      ]),
      ...legend(panel.x + 180, 50, [
        { text: 'small owners, p50', colour: 'c3', kind: 'box' },
        { text: 'small owners, p95', colour: 'c3', kind: 'pale box' },
      ]),
    ],
  })
}

interface Waits {
  readonly high: number
  readonly smallOwners: number
}
const inWords = (g: { name: string; half: Waits; most: Waits }): string =>
  `${g.name}: high tier p50 ${g.half.high.toFixed(1)} s, p95 ${g.most.high.toFixed(1)} s; small owners p50 ${g.half.smallOwners.toFixed(1)} s, p95 ${g.most.smallOwners.toFixed(1)} s.`

/** The median in full colour before the pale 95th percentile, which is never lower. */
const pair = (panel: Panel, offset: number, colour: string, half: number, most: number): string[] =>
  [
    { value: most, pale: true },
    { value: half, pale: false },
  ].map((b) => bar(panel, { at: panel.x + offset, width: BAR_PX, colour, ...b }))

const LINE_PX = 16
/** A variant's name under its group, a line for each of its parts. */
const words = (panel: Panel, name: string, group: number): string[] =>
  name
    .split(/[:,] /)
    .map((part, i) =>
      text(
        panel.x + (group + 0.5) * GROUP_PX,
        panel.y + panel.height + LINE_PX * (i + 1),
        part,
        'text-anchor="middle"',
      ),
    )
