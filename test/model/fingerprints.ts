/**
 * The states seen, each as 64 bits of a hash of its key: as TLC keeps them, some fifteen bytes a state instead of hundreds. Two
 * states with one fingerprint would count as one: with n states the odds are about n² / 2^65, one in 300,000 for ten
 * million.
 */
const FULL = 0.6
const FIRST = 1 << 16

export class Fingerprints {
  private low = new Uint32Array(FIRST)
  private high = new Uint32Array(FIRST)
  size = 0

  /** Whether it is new. */
  add(key: string): boolean {
    if (this.size > FULL * this.low.length) this.grow()
    const [low, high] = fingerprint(key)
    if (!put(this.low, this.high, low, high)) return false
    this.size++
    return true
  }

  private grow(): void {
    const { low, high } = this
    this.low = new Uint32Array(2 * low.length)
    this.high = new Uint32Array(2 * low.length)
    for (let i = 0; i < low.length; i++) {
      const [l, h] = [low[i] as number, high[i] as number]
      if (l !== 0 || h !== 0) put(this.low, this.high, l, h)
    }
  }
}

/** Open addressing, linear probing; nothing is ever taken out. */
function put(lows: Uint32Array, highs: Uint32Array, low: number, high: number): boolean {
  const mask = lows.length - 1
  for (let i = low & mask; ; i = (i + 1) & mask) {
    if (lows[i] === 0 && highs[i] === 0) {
      lows[i] = low
      highs[i] = high
      return true
    }
    if (lows[i] === low && highs[i] === high) return false
  }
}

/** Two murmur-like hashes of 32 bits (Appleby's finalizer), mixed by different constants; never both 0. */
function fingerprint(key: string): readonly [number, number] {
  let a = 0x9e3779b9
  let b = 0x85ebca6b
  for (let i = 0; i < key.length; i++) {
    const c = key.charCodeAt(i)
    a = Math.imul(a ^ c, 0xcc9e2d51)
    a ^= a >>> 15
    b = Math.imul(b ^ c, 0x1b873593)
    b ^= b >>> 13
  }
  return [finished(a ^ key.length) || 1, finished(b ^ Math.imul(a, 0xc2b2ae35))]
}

function finished(x: number): number {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
