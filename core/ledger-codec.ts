/** A ledger as bytes: LEB128 counts with runs of empty buckets folded, so that a minute of 300 calls fits in 1 KB. */
import type { Ledger, LedgerShape } from './ledger.ts'
import { bucketOf, stampAt } from './ledger.ts'

const putVarint = (out: number[], value: number): void => {
  let rest = value
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}

/** Layout: requests-only flag, then for each non-empty bucket: gap since the last one, requests, tokens if counted. */
export function packLedger(ledger: Ledger): Uint8Array {
  const withTokens = ledger.shape.tokens !== undefined
  const out: number[] = [withTokens ? 1 : 0]
  let gap = 0
  ledger.requests.forEach((requests, i) => {
    const tokens = withTokens ? (ledger.tokens[i] as number) : 0
    if (requests === 0 && tokens === 0) gap++
    else {
      putVarint(out, gap)
      putVarint(out, requests)
      if (withTokens) putVarint(out, tokens)
      gap = 0
    }
  })
  return Uint8Array.from(out)
}

export const countsTokens = (bytes: Uint8Array): boolean => bytes[0] === 1

/**
 * Reads `packLedger`'s bytes into today's shape. A changed window or guard only changes how wide a window is summed;
 * a changed bucket width moves each count to the first new stamp at or after its own: were it earlier, a window would
 * let go of it too soon. (A new holder waits out the last slot leased, so that all it permits comes later.)
 */
export function unpackLedger(bytes: Uint8Array, p: { first: number; bucketMs: number; shape: LedgerShape }): Ledger {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < bytes.length; scale *= 0x80) {
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return value
  }
  const withTokens = countsTokens(bytes)
  at = 1
  const first = bucketOf(p.shape, p.first * p.bucketMs)
  const requests: number[] = []
  const tokens: number[] = []
  let bucket = p.first
  while (at < bytes.length) {
    bucket += varint()
    const i = bucketOf(p.shape, stampAt(p.shape, bucket * p.bucketMs)) - first
    while (requests.length <= i) {
      requests.push(0)
      tokens.push(0)
    }
    requests[i] = (requests[i] as number) + varint()
    if (withTokens) tokens[i] = (tokens[i] as number) + varint()
    bucket++
  }
  return { shape: p.shape, first, requests, tokens }
}
