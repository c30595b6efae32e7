/**
 * The function that a deployment asks before it changes any other: do jobs wait that the new configuration has no place
 * for? Then the deployment fails and is rolled back, and says which.
 */
import type { CloudFormationCustomResourceEvent } from 'aws-lambda'
import { tellBroken } from '../services/broken.ts'
import { stranded, strandedLine } from '../services/stranded.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { Use } from './shared/deps.ts'
import type { Places } from './shared/places.ts'
import { log, meter, type Wrapped, wrap } from './shared/wrap.ts'

/** A reason is shown by CloudFormation as far as it is this long. */
const SHOWN = 3_000
/** How a custom resource is answered: one PUT to an address that is signed for it (AWS CloudFormation, crpg-ref-responses). */
export type Tell = (url: string, body: string) => Promise<void>

export const removalsHandler = (use: Use, tell: Tell): Wrapped<CloudFormationCustomResourceEvent, void> =>
  wrap(async (event: CloudFormationCustomResourceEvent) => {
    const { StackId, RequestId, LogicalResourceId } = event
    const said = await answer(use, event).catch((error: Error) => {
      tellBroken({ meter, log }, 'RequestsBroken', error, { step: 'removals' })
      return { Status: 'FAILED', Reason: `What waits could not be read (${error.name}): deploy again.` } as const
    })
    const asked = { StackId, RequestId, LogicalResourceId, PhysicalResourceId: 'removals' }
    await tell(event.ResponseURL, JSON.stringify({ ...asked, ...said }))
  })

async function answer(use: Use, event: CloudFormationCustomResourceEvent) {
  if (event.RequestType === 'Delete') return { Status: 'SUCCESS' } as const
  const places = placesOf(event.ResourceProperties['Places'])
  const lines = (await stranded({ ...use(), settings: places })).map((one) => strandedLine(places, one))
  if (lines.length === 0) return { Status: 'SUCCESS' } as const
  const mend = 'Put it back and deploy; remove it once it has run empty, or cancel what waits.'
  return { Status: 'FAILED', Reason: `${lines.join('; ').slice(0, SHOWN)}. ${mend}` } as const
}

function placesOf(sent: unknown) {
  const { pools, kinds } = JSON.parse(String(sent)) as Places
  return {
    pools: Object.fromEntries(pools.map((pool) => [pool, true])),
    kinds: Object.fromEntries(Object.entries(kinds).map(([kind, pool]) => [kind, { pool }])),
  }
}

const put: Tell = async (url, body) => {
  const answered = await fetch(url, {
    method: 'PUT',
    body,
    headers: { 'content-type': '' },
    signal: AbortSignal.timeout(30_000),
  })
  if (!answered.ok) throw new Error(`CloudFormation's address answered ${answered.status}`)
}

export const handler: Wrapped<CloudFormationCustomResourceEvent, void> = removalsHandler(fromEnvironment, put)
