/**
 * List cursors: where a list goes on, signed, bound to who asked and for what, and good for a day. A cursor of another
 * caller or another list is refused rather than read.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import { LiveKey } from '../core/job.ts'
import { type Answer, refuse } from './refusal.ts'

const Payload = z.object({ key: LiveKey, scope: z.string(), at: z.number() })
export const CURSOR_GOOD_MS = 86_400_000

const sign = (secret: string, body: string): string => createHmac('sha256', secret).update(body).digest('base64url')

/** `scope` names the caller and the list. */
export function writeCursor(secret: string, p: { key: LiveKey; scope: string; now: number }): string {
  const body = Buffer.from(JSON.stringify({ key: p.key, scope: p.scope, at: p.now })).toString('base64url')
  return `${body}.${sign(secret, body)}`
}

export const START_AGAIN = 'Start the list again without a cursor.'

export function readCursor(
  secret: string,
  cursor: string,
  p: { scope: string; now: number },
): Answer<{ key: LiveKey }> {
  const [body = '', signature = ''] = cursor.split('.')
  const expected = Buffer.from(sign(secret, body))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    return refuse('bad-cursor', 'This cursor was not made here.', START_AGAIN, { at: 'cursor' })
  const payload = Payload.parse(JSON.parse(Buffer.from(body, 'base64url').toString()))
  if (payload.scope !== p.scope)
    return refuse('bad-cursor', 'This cursor belongs to another list or caller.', START_AGAIN, { at: 'cursor' })
  if (p.now - payload.at > CURSOR_GOOD_MS)
    return refuse('bad-cursor', 'This cursor is more than a day old.', START_AGAIN, { at: 'cursor' })
  return { ok: true, key: payload.key }
}
