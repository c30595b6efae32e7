/** Who asks. Made at the edge from credentials, never from a body; every service decides by it. */
import type { SCOPES } from '../core/settings.ts'
import { type Refusal, refuse } from './refusal.ts'

export type Scope = (typeof SCOPES)[number]
export interface Caller {
  readonly id: string
  readonly owner: string
  readonly scopes: readonly Scope[]
  /** Owners besides its own; `*` is everybody. */
  readonly mayActFor: readonly string[]
}

export const actsFor = (caller: Caller, owner: string): boolean =>
  owner === caller.owner || caller.mayActFor.includes('*') || caller.mayActFor.includes(owner)

export const lacksScope = (caller: Caller, scope: Scope): Refusal | undefined =>
  caller.scopes.includes(scope) || caller.scopes.includes('admin')
    ? undefined
    : refuse(
        'scope-missing',
        `This needs the scope ${scope}.`,
        `Ask for ${scope} to be added to ${caller.id} in the configuration's callers.`,
      )
