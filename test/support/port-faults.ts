/** What may befall one process between its calls of the outside: calls that fail, calls that never come back. */
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { Doorbell } from '../../services/doorbell.ts'

/** The `n`th call of this process, of all its ports together, counted from 1. */
export interface PortCall {
  readonly n: number
  readonly port: string
  readonly method: string
  readonly args: unknown
}
/** `before`: without its effect. `after`: its effect is there, its answer never heard. */
export type Fault = 'fails-before' | 'fails-after' | 'hangs-before' | 'hangs-after'
export type Befalls = (call: PortCall) => Fault | undefined

/** A process that dies at its k-th call: that call's answer, and every later call, comes to nothing. */
export const diesAt =
  (k: number, when: 'before' | 'after'): Befalls =>
  ({ n }) =>
    n < k ? undefined : n === k ? `hangs-${when}` : 'hangs-before'

/** One call that fails, and only that one. */
export const failsAt =
  (k: number, when: 'before' | 'after'): Befalls =>
  ({ n }) =>
    n === k ? `fails-${when}` : undefined

export class PortDown extends Error {}

const PORTS = ['jobs', 'rings', 'capacity', 'people', 'queue', 'waker', 'model'] as const

/** The same process, in which calls may be befallen by something. */
export function faulty(deps: FunctionDeps, befalls: Befalls): FunctionDeps {
  let n = 0
  const wrap = <T extends object>(port: string, real: T): T =>
    new Proxy(real, {
      get: (target, method) => async (args: unknown) => {
        const fault = befalls({ n: ++n, port, method: String(method), args })
        if (fault === 'hangs-before') return new Promise(() => undefined)
        if (fault === 'fails-before') throw new PortDown(`${port}.${String(method)}`)
        const answer = await (target as Record<PropertyKey, (a: unknown) => unknown>)[method]?.(args)
        if (fault === 'hangs-after') return new Promise(() => undefined)
        if (fault === 'fails-after') throw new PortDown(`${port}.${String(method)}`)
        return answer
      },
    })
  const ports = Object.fromEntries(PORTS.map((port) => [port, wrap(port, deps[port])]))
  return newDoorbell({ ...deps, ...ports })
}

/** A process keeps the lease it saw for itself: its doorbell is of its own ports. */
export const newDoorbell = (deps: FunctionDeps): FunctionDeps => ({ ...deps, doorbell: new Doorbell(deps) })
