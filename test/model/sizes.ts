/** What is explored. Each size is whole within its bounds; together they have what one of them could not hold. */
import type { Size } from './model.ts'
import type { Bug } from './rules.ts'

const ONE: Size = { owners: [0], eventful: 1, mishaps: 1, ends: true }
const TWO: Size = { owners: [0, 0], eventful: 1, mishaps: 1, ends: false }
const TWO_AND_ENDS: Size = { ...TWO, mishaps: 0, ends: true }
const THREE: Size = { owners: [0, 0, 1], eventful: 1, mishaps: 0, ends: false }

/** In `npm test`. */
export const SMALL = {
  'one job, a mishap, dispatchers that end': ONE,
  'two jobs of one owner, dispatchers that end': TWO_AND_ENDS,
  'three jobs of two owners': THREE,
}

/** By `npm run model`, beside those. */
export const LARGE = {
  'one job, two mishaps, dispatchers that end': { ...ONE, mishaps: 2 },
  'two jobs of one owner, a mishap, dispatchers that end': { ...TWO, ends: true },
  'two jobs of two owners, a mishap, dispatchers that end': { ...TWO, owners: [0, 1], ends: true },
  'three jobs of two owners, dispatchers that end': { ...THREE, ends: true },
  'three jobs of two owners, a mishap': { ...THREE, mishaps: 1 },
}

/** Where each mistake shows, and as what. A search ends where it finds one: it may be asked in a larger size. */
export const CATCHES: Readonly<Record<Bug, { size: Size; what: RegExp }>> = {
  'bells-first': { size: ONE, what: /not in the ring/ },
  'note-late': { size: ONE, what: /not in the ring/ },
  'leave-unchecked': { size: TWO, what: /not in the ring/ },
  'leave-unheard': { size: TWO, what: /not in the ring/ },
  'move-silent': { size: ONE, what: /forgotten/ },
  'same-bell': { size: ONE, what: /forgotten/ },
  'repeat-revives': { size: { ...ONE, mishaps: 2 }, what: /revived/ },
  'claim-keeps-fence': { size: ONE, what: /twice under one fence/ },
  'claim-unchecked': { size: ONE, what: /moved or ended/ },
  'end-unfenced': { size: ONE, what: /stale worker/ },
  'end-early': { size: TWO_AND_ENDS, what: /no dispatcher starts/ },
  'no-second-look': { size: TWO_AND_ENDS, what: /no dispatcher starts/ },
  'running-forgotten': { size: ONE, what: /forgotten/ },
}
