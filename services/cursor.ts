/**
 * List cursors: where a list goes on, sealed (it may name a job that the caller must not see), bound to who asked and for
 * what, and good for a day. A cursor of another caller or another list is refused rather than read.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import * as z from 'zod'
import { LiveKey } from '../core/job.ts'
import { type Answer, refuse } from './refusal.ts'

const Payload = z.object({ key: LiveKey, scope: z.string(), at: z.number() })
export const CURSOR_GOOD_MS = 86_400_000

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

const derived = (secret: string, use: string): Buffer => createHmac('sha256', secret).update(use).digest()

/** The nonce follows from the text (as in AES-SIV, RFC 5297): two texts never share one, and nothing random is needed. */
function seal(secret: string, text: string): Buffer {
  const nonce = createHmac('sha256', derived(secret, 'nonce')).update(text).digest().subarray(0, NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, derived(secret, 'cursor'), nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed])
}

function unseal(secret: string, sealed: Buffer): string | undefined {
  if (sealed.length <= NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, derived(secret, 'cursor'), sealed.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    return decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}

/** `scope` names the caller and the list. */
export const writeCursor = (secret: string, p: { key: LiveKey; scope: string; now: number }): string =>
  seal(secret, JSON.stringify({ key: p.key, scope: p.scope, at: p.now })).toString('base64url')

export const START_AGAIN = 'Start the list again without a cursor.'
const bad = (why: string) => refuse('bad-cursor', why, START_AGAIN, { at: 'cursor' })

export function readCursor(
  secret: string,
  cursor: string,
  p: { scope: string; now: number },
): Answer<{ key: LiveKey }> {
  const sealed = Buffer.from(cursor, 'base64url')
  const text = sealed.toString('base64url') === cursor ? unseal(secret, sealed) : undefined
  if (text === undefined) return bad('This cursor was not made here.')
  const payload = Payload.parse(JSON.parse(text))
  if (payload.scope !== p.scope) return bad('This cursor belongs to another list or caller.')
  if (p.now - payload.at > CURSOR_GOOD_MS) return bad('This cursor is more than a day old.')
  return { ok: true, key: payload.key }
}
