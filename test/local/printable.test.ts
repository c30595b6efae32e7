import { expect, test } from 'vitest'
import { printable, printableLine } from '../../local/printable.ts'

test.each([
  ['an escape sequence', 'a\u001b[31mred', 'a\\u001b[31mred'],
  ['a sequence of the upper control characters', 'a\u009b2J', 'a\\u009b2J'],
  ['a return that would overwrite the line', 'safe\revil', 'safe\\u000devil'],
  ['a backspace, a bell, a null, a delete', '\b\u0007\u0000\u007f', '\\u0008\\u0007\\u0000\\u007f'],
  ['text turned around', 'abc\u202edef\u2066x\u2069', 'abc\\u202edef\\u2066x\\u2069'],
  ['marks of direction', '\u200f\u200e\u061c', '\\u200f\\u200e\\u061c'],
  ['the separators of lines that editors obey', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
])('%s is shown and not obeyed', (_, raw, shown) => {
  expect(printable(raw)).toBe(shown)
})

test('ordinary text stays as it is, in every script, with tabs and lines', () => {
  const text = 'Noémie 東京 Привет שלום 😀\n\tnext'
  expect(printable(text)).toBe(text)
})

test('on one line, line ends become spaces', () => {
  expect(printableLine('first \r\n  second\n\nthird\tfourth\u001b')).toBe('first second third fourth\\u001b')
})
