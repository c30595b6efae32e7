/** Calls admitted and calls refused over time, Fairlead's and the naive ways', on the same trace. */
import { axes, type LegendEntry, legend, line, type Panel, svg } from '../plot.ts'
import type { Trace } from './measures.ts'
import type { Traces } from './plots.ts'

/** Beyond it only the stragglers of the naive ways are left. */
const SHOWN_S = 120
const across = { from: 0, to: SHOWN_S, ticks: [0, 20, 40, 60, 80, 100, 120] }
const UPPER: Panel = {
  x: 76,
  y: 44,
  width: 520,
  height: 230,
  across,
  up: { from: 0, to: 3_000, ticks: [0, 1_000, 2_000, 3_000] },
  acrossLabel: '',
  upLabel: 'calls admitted, sum',
}
const LOWER: Panel = {
  ...UPPER,
  y: 316,
  height: 110,
  up: { from: 1, to: 3_000, ticks: [1, 10, 100, 1_000], log: true },
  acrossLabel: 'seconds since the flood',
  upLabel: 'refused per s',
}

interface Curve extends LegendEntry {
  readonly trace: Trace
}

export function admittedPlot({ ours, naive }: Traces): string {
  const fairlead = ['weighted, even', 'weighted, burst'].map((name, i) => curve(`Fairlead, ${name}`, ours.get(name), i))
  const others = [...naive].map(([name, trace], i) => curve(name, trace, fairlead.length + i))
  const curves = [...fairlead, ...others].flatMap((c) => c ?? [])
  return svg({
    width: 900,
    height: 480,
    title: '3,000 jobs against 300 calls in any 6 s',
    desc: `Calls admitted by the provider, summed over time, and below them calls refused in each second. ${curves.map(inWords).join(' ')}`,
    body: [
      ...axes(UPPER),
      ...axes(LOWER),
      ...curves.map((c) => line(UPPER, admittedPoints(c.trace), c.colour, c.kind === 'dashed')),
      ...curves.map((c) => line(LOWER, refusedPoints(c.trace), c.colour, c.kind === 'dashed')),
      ...legend(620, 64, curves),
    ],
  })
}

const curve = (text: string, trace: Trace | undefined, i: number): Curve | undefined =>
  trace && { text, trace, colour: `c${i}`, kind: text.startsWith('naive') ? 'dashed' : 'line' }

const inWords = ({ text, trace }: Curve): string =>
  `${text}: ${trace.admittedMs.length} admitted, the last after ${((trace.admittedMs.at(-1) ?? 0) / 1_000).toFixed(0)} s, ${trace.refusedMs.length} refused.`

/** Every quarter of a second: finer than a pixel. */
const STEP_S = 0.25
const shownS = (trace: Trace): number => Math.min(SHOWN_S, trace.endMs / 1_000)

function admittedPoints(trace: Trace): [number, number][] {
  const points: [number, number][] = []
  let sum = 0
  for (let s = 0; s <= shownS(trace); s += STEP_S) {
    while ((trace.admittedMs[sum] ?? Number.POSITIVE_INFINITY) <= s * 1_000) sum++
    points.push([s, sum])
  }
  return points
}

/** Who is never refused has no curve: a logarithmic axis knows no 0, and its floor is drawn as one call. */
function refusedPoints(trace: Trace): [number, number][] {
  if (trace.refusedMs.length === 0) return []
  const perSecond = Array<number>(Math.ceil(shownS(trace))).fill(0)
  for (const at of trace.refusedMs) {
    const second = Math.floor(at / 1_000)
    if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1
  }
  return perSecond.map((calls, s) => [s + 0.5, calls])
}
