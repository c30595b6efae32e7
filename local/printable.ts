/** Text that reaches a terminal: control characters (escape sequences among them) are shown, not obeyed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

export const printable = (text: string): string =>
  text.replace(CONTROL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The same on one line, where a line is what has room. */
export const printableLine = (text: string): string =>
  printable(text.replace(/\s*[\r\n]+\s*/g, ' ').replaceAll('\t', ' '))
