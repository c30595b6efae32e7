/** Randomness from one seed, a stream of its own for each use: a draw more in one changes nothing in the others. */
import type { Random } from '../../services/ports.ts'

/** FNV-1a, 32 bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

export class Stream {
  private state: number

  constructor(seed: number, name: string) {
    this.state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ hash32(name)) >>> 0
    // Neighbouring seeds must not begin alike.
    for (let i = 0; i < 3; i++) this.unit()
  }

  /** Uniform in [0, 1): Mulberry32 (Tommy Ettinger, public domain). */
  unit(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1))
  }

  /** Small values are as likely as large ones: a number between the two, uniform in its logarithm. */
  spread(from: number, to: number): number {
    return Math.round(from * (to / from) ** this.unit())
  }

  chance(p: number): boolean {
    return this.unit() < p
  }

  pick<T>(among: readonly T[]): T {
    return among[Math.floor(this.unit() * among.length)] as T
  }
}

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const DIGITS = { time: 10, drawn: 6, counted: 10 }

function base32(value: number, digits: number): string {
  let text = ''
  for (let rest = value; text.length < digits; rest = Math.floor(rest / 32)) text = BASE32[rest % 32] + text
  return text
}

/** A process's randomness. Its ids are ULIDs in shape and order: by its clock, never backwards within the process. */
export function processRandom(stream: Stream): Random {
  let at = 0
  let prefix = ''
  let counted = 0
  return {
    unit: () => stream.unit(),
    id(now) {
      if (now > at || prefix === '') {
        at = Math.max(at, Math.floor(now))
        prefix = base32(at, DIGITS.time) + base32(Math.floor(stream.unit() * 32 ** DIGITS.drawn), DIGITS.drawn)
      }
      return prefix + base32(++counted, DIGITS.counted)
    },
  }
}
