/** A pool's settings are changed while it runs: over those that were read, by the rules of the configuration. */
import { type Fault, laidOver, type Overrides, type PoolPatch, patched } from '../core/overrides.ts'
import type { PoolSettings } from '../core/settings.ts'
import { type Caller, lacksScope } from './caller.ts'
import { configured } from './configured.ts'
import { tooLarge } from './costs.ts'
import type { Deps } from './deps.ts'
import { known, readInForce } from './in-force.ts'
import { etagOf } from './pool-settings.ts'
import { noPool, type OnePool, shownPool } from './pools.ts'
import { type Refusal, refuse } from './refusal.ts'

export interface ChangeRequest {
  readonly patch: PoolPatch
  /** As it was sent. */
  readonly ifMatch: string | undefined
}

/** In force at once for the next permits, and until it is taken away (docs/guarantees.md, G2). */
export async function changePool(deps: Deps, caller: Caller, id: string, p: ChangeRequest): Promise<OnePool> {
  const scope = lacksScope(caller, 'admin')
  if (scope) return scope
  const file = configured(deps.settings.pools, id)
  if (!file) return noPool(id)
  const found = await readInForce(deps, id)
  const refusal = isStale(id, etagOf(found), p.ifMatch)
  if (refusal) return refusal
  const now = deps.clock.now()
  const overrides = patched(found.overrides, p.patch, { at: now, by: caller.id })
  const wrong = unfit(deps, id, file, overrides)
  if (wrong) return wrong
  const bell = { v: 1, id: deps.random.id(now), t: 'changed', version: overrides.version } as const
  if ((await deps.capacity.override({ pool: id, overrides, bell })) === 'stale') return changedMeanwhile(id)
  await deps.doorbell.rung(id)
  return shownPool(deps, id, known(deps, id, { overrides, at: now }))
}

function isStale(id: string, etag: string, ifMatch: string | undefined): Refusal | undefined {
  if (ifMatch === undefined)
    return refuse(
      'if-match-needed',
      'A change names the settings that it was made for.',
      `Send If-Match with the ETag of GET /v1/pools/${id}.`,
    )
  const named = ifMatch.split(',').map((tag) => tag.trim())
  return named.includes(etag) || named.includes('*') ? undefined : changedMeanwhile(id)
}

const changedMeanwhile = (id: string) =>
  refuse(
    'settings-changed',
    `The settings of ${id} are others now.`,
    `GET /v1/pools/${id}, look at them, and send the change with its ETag.`,
  )

function unfit(deps: Deps, id: string, file: PoolSettings, { fields }: Overrides): Refusal | undefined {
  const laid = laidOver(file, fields)
  if (!laid.ok) return faulty(laid.faults[0] as Fault)
  const kinds = Object.entries(deps.settings.kinds).filter(([, { pool }]) => pool === id)
  for (const [name, kind] of kinds) {
    const large = tooLarge(laid.settings, kind.model, { input: 0, output: kind.maxOutputTokens })
    if (large)
      return refuse(
        'larger-than-pool',
        `No job of the kind ${name} could ever run: ${large}.`,
        `Leave the pool as much as the maxOutputTokens of ${name} ask for, or lower those first.`,
      )
  }
  return undefined
}

const faulty = ({ at, message }: Fault): Refusal =>
  refuse('invalid-request', `${at}: ${message}`.slice(0, 400), 'docs/configuration.md says what each may be.', { at })
