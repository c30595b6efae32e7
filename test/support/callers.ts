/** Who asks, in tests: a caller's name is also its owner's. */
import { SCOPES } from '../../core/settings.ts'
import type { Caller } from '../../services/caller.ts'

export const aCaller = (owner = 'ada', over: Partial<Caller> = {}): Caller => ({
  id: owner,
  owner,
  scopes: ['jobs:read', 'jobs:submit', 'reviews:decide'],
  mayActFor: [],
  ...over,
})

/** May see and do everything. */
export const ADMIN: Caller = aCaller('root', { scopes: SCOPES, mayActFor: ['*'] })
