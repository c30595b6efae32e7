import { describe, expect, test } from 'vitest'
import { asLine, asTable, redrawer } from '../../local/display.ts'
import type { Picture } from '../../local/picture.ts'
import { anOverview } from '../support/records.ts'

const owner = (name: string, over: { queued?: number; served?: number } = {}) => ({
  owner: name,
  queued: 0,
  served: 0,
  share: 0.25,
  entitlement: 0.125,
  ...over,
})
const overview = anOverview({
  tiers: {
    high: { queued: 67, running: 12, done: 11, waits: 'CAPACITY_RPM' },
    medium: { queued: 0, running: 5, done: 6, waits: 'OWNER_TURN' },
    low: { queued: 1_016, running: 0, done: 300, waits: 'TIER_TURN' },
  },
  owners: [
    owner('nurture-bot', { queued: 1_000, served: 20 }),
    owner('ann', { queued: 83, served: 8 }),
    owner('a-name-that-is-longer-than-its-column', { served: 1 }),
    owner('idle'),
  ],
  ownersLive: 3,
})
const aPicture = (over: Partial<Picture> = {}): Picture => ({
  overview,
  drafts: 11,
  draftsMore: false,
  calls: 42,
  limit: 300,
  windowMs: 60_000,
  refused: 2,
  secondsLeft: 216.6,
  ...over,
})

describe('the table', () => {
  test('shows tiers, calls against the limit, shares beside what is due, drafts and time', () => {
    expect(asTable(aPicture()).join('\n')).toBe(
      `
  tier                      queued  running   done   first in line waits for
  high                          67       12     11   the limit of requests
  medium                         0        5      6
  low                         1016        0    300   another tier's turn

  calls in the last 60 s    ███░░░░░░░░░░░░░░░░░░░░░ 42 of 300   429s: 2

  busiest owners            queued    calls  share    due
  nurture-bot                 1000       20    25%    13%
  ann                           83        8    25%    13%
  a-name-that-is-longer-…        0        1    25%    13%

  drafts waiting for a person: 11   about 217 s left`.slice(1),
    )
  })

  test('fits 80 columns', () => {
    for (const line of asTable(aPicture({ limit: 1_000_000, calls: 999_999 }))) expect(line.length).toBeLessThan(81)
  })

  test('says how far the submitting is', () => {
    expect(asTable(aPicture({ loading: { submitted: 50, total: 300 } })).at(-1)).toBe(
      '  submitting the sample: 50 of 300',
    )
  })

  test('shows zeros before the first picture is painted', () => {
    const lines = asTable(aPicture({ overview: null, calls: 0 }))
    expect(lines[1]).toBe('  high                           0        0      0')
    expect(lines.join('\n')).not.toContain('owners')
  })

  test('counts the owners that it does not name', () => {
    const owners = Array.from({ length: 8 }, (_, i) => owner(`o${i}`, { served: 1 }))
    const text = asTable(aPicture({ overview: { ...overview, owners, ownersLive: 40 } })).join('\n')
    expect(text).toContain('o5')
    expect(text).not.toContain('o6')
    expect(text).toContain('  and 34 more')
  })

  test('says that a pool has stopped, and why, on one line without control characters', () => {
    const stopped = 'The key was refused.\nSet \u001b[31mKEY.'
    expect(asTable(aPicture({ overview: { ...overview, stopped } })).at(-1)).toBe(
      '  STOPPED: The key was refused. Set \\u001b[31mKEY.',
    )
  })

  test('says when more drafts wait than were counted', () => {
    expect(asTable(aPicture({ drafts: 1_000, draftsMore: true })).at(-1)).toContain('for a person: 1000+ ')
  })
})

describe('the time left', () => {
  const idle = { queued: 0, running: 0, done: 0 }
  const tiers = (high: Partial<typeof idle>) => ({
    overview: { ...overview, tiers: { high: { ...idle, ...high }, medium: idle, low: idle } },
    secondsLeft: 0,
  })
  test.each([
    ['about 1 s left', { queued: 1 }],
    ['the last answers are on their way', { running: 1, done: 5 }],
    ['all calls are done', { done: 5 }],
    ['starting', {}],
  ])('is said as "%s"', (said, high) => {
    expect(asTable(aPicture(tiers(high))).at(-1)).toMatch(new RegExp(`   ${said}$`))
  })
})

test('without a terminal the same is one line', () => {
  expect(asLine(aPicture())).toBe(
    'queued/running/done: high 67/12/11, medium 0/5/6, low 1016/0/300; 42 of 300 calls in the last 60 s; 429s: 2; drafts waiting: 11; about 217 s left',
  )
  expect(asLine(aPicture({ loading: { submitted: 50, total: 300 } }))).toMatch(/^submitting the sample: 50 of 300; /)
})

const ESC = '\u001b'
const MOVE = new RegExp(`^${ESC}\\[(\\d*)([AKJ])$`)
const TOKEN = new RegExp(`${ESC}\\[\\d*[AKJ]|\\r|\\n|.`, 'gu')

/** What a terminal of this size shows after the writes: it wraps long lines, scrolls, and obeys what the redrawer uses. */
function terminal(columns: number, rows: number) {
  const screen: string[] = ['']
  let row = 0
  let column = 0
  const down = () => {
    row++
    if (row === screen.length) screen.push('')
    if (screen.length > rows) {
      screen.shift()
      row--
    }
  }
  const put = (character: string) => {
    if (column === columns) {
      column = 0
      down()
    }
    const line = (screen[row] ?? '').padEnd(column)
    screen[row] = line.slice(0, column) + character + line.slice(column + 1)
    column++
  }
  const write = (text: string) => {
    for (const [token] of text.matchAll(TOKEN)) {
      const [, count, code] = MOVE.exec(token) ?? []
      if (token === '\r') column = 0
      else if (token === '\n') {
        column = 0
        down()
      } else if (code === 'A') row = Math.max(0, row - Number(count))
      else if (code === 'K') screen[row] = (screen[row] ?? '').slice(0, column)
      else if (code === 'J') screen.splice(row, screen.length, (screen[row] ?? '').slice(0, column))
      else put(token)
    }
  }
  return { write, shown: () => screen.map((line) => line.trimEnd()) }
}

describe('redrawing', () => {
  const on = (columns: number, rows: number) => {
    const { write, shown } = terminal(columns, rows)
    const writes: string[] = []
    const redraw = redrawer({
      write: (text) => {
        writes.push(text)
        write(text)
      },
      size: () => ({ columns, rows }),
    })
    return { write, shown, redraw, writes }
  }

  test('leaves only the newest drawing, below what stood there before', () => {
    const { write, shown, redraw } = on(20, 10)
    write('before\n')
    redraw(['one', 'two', 'three'])
    redraw(['1', '2'])
    redraw(['a longer one', '', 'x'])
    expect(shown()).toEqual(['before', 'a longer one', '', 'x', ''])
  })

  test('a line longer than the terminal is cut, and leaves nothing behind', () => {
    const { shown, redraw } = on(10, 10)
    redraw(['0123456789', 'x'.repeat(35)])
    redraw(['0123456789', 'y'.repeat(35)])
    expect(shown()).toEqual(['0123456789', 'yyyyyyyyy…', ''])
  })

  test('more lines than the terminal has are cut, and leave nothing behind', () => {
    const { shown, redraw } = on(10, 4)
    redraw(['a', 'b', 'c', 'd', 'e', 'f'])
    redraw(['1', '2', '3', '4', '5', '6'])
    expect(shown()).toEqual(['1', '2', '3', ''])
  })

  test('is one write that erases nothing before it is drawn over', () => {
    const { redraw, writes } = on(20, 10)
    redraw(['one'])
    redraw(['two'])
    expect(writes).toHaveLength(2)
    expect(writes[1]).toBe(`\r${ESC}[1Atwo${ESC}[K\n${ESC}[J`)
  })
})
