/** Every check, in the order in which they are asked. */
import type { MakeCheck } from './check.ts'

export const CHECKS: readonly MakeCheck[] = []
