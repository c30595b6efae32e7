/** Randomness from a seed: the same numbers and ids in the same order, every time. */
import { monotonicFactory } from 'ulid'
import type { Random } from '../../services/ports.ts'

/** Mulberry32 (Tommy Ettinger, public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const ulid = monotonicFactory(unit)
  return { unit, id: (now) => ulid(now) }
}
