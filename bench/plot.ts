/**
 * Small SVG charts by hand: panels with axes, lines and bars, a legend. Strings only, no IO. Colours follow the
 * reader's light or dark mode; the background stays the page's.
 */
export interface Scale {
  readonly from: number
  readonly to: number
  /** Values at which the axis is marked. */
  readonly ticks: readonly number[]
  readonly log?: boolean
}
export interface Panel {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly across: Scale
  readonly up: Scale
  readonly acrossLabel: string
  readonly upLabel: string
}
export interface LegendEntry {
  readonly text: string
  /** `c0` to `c5`: the colours of the style below. */
  readonly colour: string
  readonly kind: 'line' | 'dashed' | 'box' | 'pale box'
}

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.axis { stroke: #57606a; fill: none } .grid { stroke: #57606a; opacity: .18 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round } .dashed { stroke-dasharray: 6 3 } .pale { opacity: .45 }
.c0 { --c: #0969da } .c1 { --c: #1a7f37 } .c2 { --c: #bf3989 } .c3 { --c: #bc4c00 } .c4 { --c: #8250df } .c5 { --c: #57606a }
.s { stroke: var(--c) } .f { fill: var(--c) }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .axis { stroke: #9198a1 } .grid { stroke: #9198a1 }
  .c0 { --c: #58a6ff } .c1 { --c: #3fb950 } .c2 { --c: #ff7bc2 } .c3 { --c: #ffa657 } .c4 { --c: #bc8cff } .c5 { --c: #9198a1 }
}`

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
const px = (n: number): string => n.toFixed(1).replace(/\.0$/, '')

export const svg = (p: {
  width: number
  height: number
  title: string
  /** For who cannot see it. */
  desc: string
  body: readonly string[]
}): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${p.width} ${p.height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(p.title)}</title>
<desc id="desc">${escaped(p.desc)}</desc>
<style>${STYLE}
</style>
${text(16, 24, p.title, 'class="title"')}
${p.body.join('\n')}
</svg>
`

export const text = (x: number, y: number, said: string, attributes = ''): string =>
  `<text x="${px(x)}" y="${px(y)}" ${attributes}>${escaped(said)}</text>`

/** Where a value lies in [0, 1]. Logarithmic scales begin above 0; what is less lies on the edge. */
export function along(value: number, { from, to, log }: Scale): number {
  const share = log
    ? (Math.log(Math.max(value, from)) - Math.log(from)) / (Math.log(to) - Math.log(from))
    : (value - from) / (to - from)
  return Math.min(1, Math.max(0, share))
}
export const xAt = (panel: Panel, value: number): number => panel.x + panel.width * along(value, panel.across)
export const yAt = (panel: Panel, value: number): number => panel.y + panel.height * (1 - along(value, panel.up))

/** Grid, axes, marks and labels. `named` puts words under the marks of the lower axis instead of numbers. */
export function axes(panel: Panel, named?: readonly string[]): string[] {
  const { x, y, width, height } = panel
  const bottom = y + height
  const upMarks = panel.up.ticks.flatMap((value) => [
    `<path class="grid" d="M${px(x)} ${px(yAt(panel, value))}h${px(width)}"/>`,
    text(x - 6, yAt(panel, value) + 4, value.toLocaleString('en'), 'text-anchor="end"'),
  ])
  const acrossMarks = panel.across.ticks.map((value, i) =>
    text(xAt(panel, value), bottom + 16, named?.[i] ?? value.toLocaleString('en'), 'text-anchor="middle"'),
  )
  const middle = y + height / 2
  return [
    ...upMarks,
    ...acrossMarks,
    `<path class="axis" d="M${px(x)} ${px(y)}V${px(bottom)}H${px(x + width)}"/>`,
    text(x + width / 2, bottom + 34, panel.acrossLabel, 'text-anchor="middle"'),
    text(16, middle, panel.upLabel, `text-anchor="middle" transform="rotate(-90 16 ${px(middle)})"`),
  ]
}

export const line = (
  panel: Panel,
  points: readonly (readonly [number, number])[],
  colour: string,
  dashed = false,
): string => {
  const d = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(xAt(panel, x))} ${px(yAt(panel, y))}`).join('')
  return `<path class="line s ${colour}${dashed ? ' dashed' : ''}" d="${d}"/>`
}

/** A bar from the lower axis; `at` and `width` in px. */
export const bar = (panel: Panel, p: { at: number; width: number; value: number; colour: string; pale: boolean }) => {
  const top = yAt(panel, p.value)
  const height = panel.y + panel.height - top
  return `<rect class="f ${p.colour}${p.pale ? ' pale' : ''}" x="${px(p.at)}" y="${px(top)}" width="${px(p.width)}" height="${px(height)}"/>`
}

/** One entry below the other. */
export const legend = (x: number, y: number, entries: readonly LegendEntry[]): string[] =>
  entries.flatMap(({ text: said, colour, kind }, i) => {
    const at = y + i * 18
    const mark =
      kind === 'line' || kind === 'dashed'
        ? `<path class="line s ${colour}${kind === 'dashed' ? ' dashed' : ''}" d="M${px(x)} ${px(at - 4)}h22"/>`
        : `<rect class="f ${colour}${kind === 'pale box' ? ' pale' : ''}" x="${px(x + 4)}" y="${px(at - 11)}" width="14" height="12"/>`
    return [mark, text(x + 30, at, said)]
  })
