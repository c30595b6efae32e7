/** A ledger as bytes: LEB128 counts with runs of empty buckets folded, so that a minute of 300 calls fits in 1 KB. */
import { DIMENSIONS, type Dimension } from './cost.ts'
import { bucketOf, countedIn, type Ledger, type LedgerShape, stampAt } from './ledger.ts'

const putVarint = (out: number[], value: number): void => {
  let rest = value
  while (rest >= 0x80) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}

/** A bit for each dimension beside requests, which are always counted. */
const BIT: Readonly<Record<Dimension, number>> = { requests: 0, tokens: 1, input: 2, output: 4 }

/** Layout: which dimensions are counted, then for each non-empty bucket the gap since the last one, and its counts. */
export function packLedger({ shape, counts }: Ledger): Uint8Array {
  const counted = countedIn(shape)
  const out: number[] = [counted.reduce((bits, d) => bits | BIT[d], 0)]
  const rows = counted.map((d) => counts[d] ?? [])
  let gap = 0
  for (let i = 0; i < counts.requests.length; i++) {
    if (isEmpty(rows, i)) gap++
    else {
      putVarint(out, gap)
      for (const row of rows) putVarint(out, row[i] ?? 0)
      gap = 0
    }
  }
  return Uint8Array.from(out)
}

/** Most buckets are, and this is every tick's: a function made for each would be a tenth of all that a tick allocates. */
function isEmpty(rows: readonly (readonly number[])[], i: number): boolean {
  for (const row of rows) if (row[i]) return false
  return true
}

/** The dimensions that were counted when these bytes were written. */
export const countedInBytes = (bytes: Uint8Array): Dimension[] =>
  DIMENSIONS.filter((d) => d === 'requests' || ((bytes[0] as number) & BIT[d]) !== 0)

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
  const stored = countedInBytes(bytes)
  at = 1
  const first = bucketOf(p.shape, p.first * p.bucketMs)
  const counts = Object.fromEntries(countedIn(p.shape).map((d) => [d, [] as number[]])) as Rows
  let bucket = p.first
  while (at < bytes.length) {
    bucket += varint()
    const i = bucketOf(p.shape, stampAt(p.shape, bucket * p.bucketMs)) - first
    for (const row of Object.values(counts)) while (row.length <= i) row.push(0)
    for (const d of stored) add(counts[d], i, varint())
    bucket++
  }
  return { shape: p.shape, first, counts }
}

type Rows = Partial<Record<Dimension, number[]>> & { requests: number[] }

/** What is not limited any more is read past. */
const add = (row: number[] | undefined, i: number, n: number): void => {
  if (row) row[i] = (row[i] as number) + n
}
