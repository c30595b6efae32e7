/** What is explored: how many of what, and with which mistake planted into the protocol. */
import type { State } from './state.ts'

/** What happens, to which job or by which dispatcher, and the state that it leads to. */
export type Move = readonly [what: string, which: number, to: State]

/** Mistakes that the model can express: each must be found. */
export const BUGS = {
  'bells-first': 'bells are deleted before the tick has written',
  'note-late': 'an owner is noted after the bell that named it was deleted',
  'leave-unchecked': 'an owner leaves without a look at the lease',
  'leave-unheard': 'a dispatcher goes on after a leave that was not heard',
  'move-silent': 'a move rings no bell',
  'same-bell': 'a move rings under the id of the first bell',
  'repeat-revives': 'a repeat puts the first record of a job that moved or ended',
  'claim-keeps-fence': 'a claim does not raise the fence',
  'claim-unchecked': 'a claim does not look whether its job moved or ended',
  'end-unfenced': 'an end is not bound to the fence',
  'end-early': 'a dispatcher that ends does not wait for what writers remember',
  'no-second-look': 'a dispatcher that ended does not look once more after it let go',
  'running-forgotten': 'a takeover does not remember what runs',
} as const
export type Bug = keyof typeof BUGS

export interface Rules {
  /** The owner of each job. */
  readonly owners: readonly number[]
  /** Which jobs may move, be repeated, be cancelled. */
  readonly eventful: (job: number) => boolean
  /** Dispatchers that have nothing to do let go, and are woken; else they go on for ever. */
  readonly ends: boolean
  readonly bug: Bug | undefined
}
