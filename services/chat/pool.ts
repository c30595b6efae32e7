/** Which pool a person's call is of: the one whose `people.models` names its model. */
import type { Settings } from '../../core/settings.ts'
import { type Caller, lacksScope } from '../caller.ts'
import type { Deps } from '../deps.ts'
import { type SharedPool, sharedPool } from '../permits/ask.ts'
import { type Answer, type Refusal, refuse } from '../refusal.ts'

interface Offered {
  readonly model: string
  readonly id: string
}

const offered = ({ pools }: Settings): Offered[] =>
  Object.entries(pools).flatMap(([id, { people }]) => (people?.models ?? []).map((model) => ({ model, id })))

/** Under the settings in force. */
export async function poolOf(
  deps: Deps,
  caller: Caller,
  model: string,
): Promise<Answer<{ id: string; pool: SharedPool }>> {
  const scope = lacksScope(caller, 'capacity:use')
  if (scope) return scope
  const all = offered(deps.settings)
  const found = all.find((one) => one.model === model)
  if (!found) return unknownModel(model, all)
  const shared = await sharedPool(deps, caller, found.id)
  return shared.ok ? { ...shared, id: found.id } : shared
}

const unknownModel = (model: string, all: readonly Offered[]): Refusal =>
  refuse(
    'model-unknown',
    `No pool offers people the model ${model}.`,
    all.length > 0
      ? `Use one of: ${all.map((one) => one.model).join(', ')}.`
      : 'Name the models of a pool under people.models in the configuration.',
    { at: 'model' },
  )

/** What may be called, by the name of its pool. */
export function chatModels({ settings }: Deps, caller: Caller): Answer<{ models: { id: string; pool: string }[] }> {
  const scope = lacksScope(caller, 'capacity:use')
  return scope ?? { ok: true, models: offered(settings).map(({ model, id }) => ({ id: model, pool: id })) }
}
