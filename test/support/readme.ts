/** The commands of README.md, as it shows them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './started.ts'

const FENCE = /^```(\w+)\n([\s\S]*?)^```$/gm

export const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** Fenced blocks in order, without their fences. */
export const fenced = (markdown: string): { language: string; text: string }[] =>
  [...markdown.matchAll(FENCE)].map(([, language = '', text = '']) => ({ language, text }))

/** Those that use the API. */
export const apiCommands = (markdown: string): string[] =>
  fenced(markdown)
    .map(({ text }) => text)
    .filter((text) => /\bcurl |\bnpx fairlead /.test(text))
