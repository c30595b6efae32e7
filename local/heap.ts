/**
 * Keeps the process small. V8 lets the heap grow up to fourfold between two full collections if memory is plenty: under
 * load three quarters of the resident memory were garbage. Collected each time it has grown by half, the same work takes
 * as much CPU. This is no limit: a large backlog, or the journal's tables, have whatever they need.
 */
import { setFlagsFromString } from 'node:v8'

export const keepHeapSmall = (): void => setFlagsFromString('--heap-growing-percent=50')
