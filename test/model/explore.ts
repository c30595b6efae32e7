/**
 * Every state that a model can reach, breadth first, as TLC checks TLA+ (Yu, Manolios and Lamport, "Model checking TLA+
 * specifications", CHARME 1999): the first state found wrong is reached by a shortest path.
 */
import { Fingerprints } from './fingerprints.ts'

export interface Model<S> {
  readonly initial: S
  /** The same for two states exactly if they are the same. */
  key(state: S): string
  /** A state in a few characters, and back: of the many that wait to be looked at no more is kept. */
  packed(state: S): string
  unpacked(packed: string): S
  steps(state: S): Iterable<readonly [what: string, which: number, to: S]>
  /** What is wrong with a state, in words. */
  wrong(state: S): string | undefined
}
export interface Explored {
  readonly states: number
  /** Steps to the farthest state. */
  readonly depth: number
  /** Absent: every reachable state was looked at, and none is wrong. */
  readonly violation?: { readonly what: string; readonly path: readonly string[] }
  /** How often each kind of step was taken. */
  readonly taken: Readonly<Record<string, number>>
}

export class TooManyStates extends Error {
  readonly code = 'too-many-states'
}

/** How far a search is. */
export interface Progress {
  readonly states: number
  readonly depth: number
  /** Found at this depth, and still to be looked at. */
  readonly waiting: number
}

/** Throws TooManyStates above `atMost`: an exploration that is cut off has proved nothing. */
export function explore<S>(model: Model<S>, atMost: number, told: (p: Progress) => void = () => {}): Explored {
  const seen = new Fingerprints()
  seen.add(model.key(model.initial))
  const came: Came = { from: [-1], what: [''], which: [-1] }
  const taken: Record<string, number> = {}
  let depth = 0
  // States are numbered as they are found, so those of a wave follow each other.
  let first = 0
  for (let wave = [model.packed(model.initial)]; wave.length > 0; depth++) {
    told({ states: seen.size, depth, waiting: wave.length })
    const next: string[] = []
    for (const [i, packed] of wave.entries()) {
      const state = model.unpacked(packed)
      const what = model.wrong(state)
      if (what) return { states: seen.size, depth, taken, violation: { what, path: pathTo(first + i, came) } }
      for (const [kind, which, to] of model.steps(state)) {
        taken[kind] = (taken[kind] ?? 0) + 1
        if (!seen.add(model.key(to))) continue
        if (seen.size > atMost) throw new TooManyStates(`more than ${atMost} states: narrow the model`)
        came.from.push(first + i)
        came.what.push(kind)
        came.which.push(which)
        next.push(model.packed(to))
      }
    }
    first += wave.length
    wave = next
  }
  return { states: seen.size, depth: depth - 1, taken }
}

/** For each state, in the order of their finding: from which it was reached, and how. */
interface Came {
  readonly from: number[]
  readonly what: string[]
  readonly which: number[]
}

function pathTo(state: number, { from, what, which }: Came): string[] {
  const path: string[] = []
  for (let at = state; at > 0; at = from[at] as number) path.unshift(`${what[at]} ${which[at]}`)
  return path
}
