/** Nothing is spent without a yes: calls and tokens first, then the question. */
import { createInterface } from 'node:readline/promises'
import type { Settings } from '../core/settings.ts'
import { costOf, type Sample } from './sample.ts'

/** `away` are the pools whose calls leave this machine. */
export async function agreed(p: {
  sample: Sample
  settings: Settings
  away: readonly string[]
  yes: boolean
}): Promise<boolean> {
  const { calls, tokensAtMost } = costOf(p.sample, p.settings, p.away)
  if (calls === 0) return true
  process.stdout.write(
    `This sends ${calls} calls with at most ${tokensAtMost} tokens to a provider off this machine (pool ${p.away.join(', ')}): ${price(p, tokensAtMost)}.\n`,
  )
  if (p.yes) return true
  if (process.stdin.isTTY) return saysYes(await ask('Send them? [y/N] '))
  process.stderr.write('Not sent: nobody is there to agree. Start with --yes to agree in advance, or with --empty.\n')
  return false
}

/** Nobody has said yes; whoever asked has said so. */
export class NotAgreed extends Error {}

/** Of jobs that were queued while their provider was on this machine. */
export async function agreedToLeft(p: { jobs: number; away: readonly string[]; yes: boolean }): Promise<boolean> {
  if (p.jobs === 0) return true
  process.stdout.write(
    `${p.jobs} jobs wait here since a start whose provider was on this machine. This one sends them to a provider off this machine (pool ${p.away.join(', ')}).\n`,
  )
  if (p.yes) return true
  if (process.stdin.isTTY) return saysYes(await ask('Send them? [y/N] '))
  process.stderr.write(
    'Not sent: nobody is there to agree. Start with --yes to agree in advance, with --reset to forget them, or with --data and another folder.\n',
  )
  return false
}

/** The dearest of the pools, for all tokens: never too little. */
function price({ settings, away }: { settings: Settings; away: readonly string[] }, tokens: number): string {
  const prices = away.map((id) => settings.pools[id]?.pricePerMillionTokens)
  if (prices.includes(undefined)) return "cost unknown (set the pool's pricePerMillionTokens to see it)"
  return `at most $${((tokens * Math.max(...(prices as number[]))) / 1e6).toFixed(2)}`
}

function saysYes(answer: string | undefined): boolean {
  if (/^\s*y(es)?\s*$/i.test(answer ?? '')) return true
  process.stdout.write(`${answer === undefined ? '\n' : ''}Not sent.\n`)
  return false
}

/** Nothing is answered by Ctrl-C or the end of input. */
async function ask(question: string): Promise<string | undefined> {
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  const closed = new Promise<undefined>((resolve) => prompt.once('close', () => resolve(undefined)))
  try {
    return await Promise.race([prompt.question(question), closed])
  } finally {
    prompt.close()
  }
}
