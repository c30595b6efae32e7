/** A job whose call stopped the pool steps aside for others, and is charged for it unless it was the pool's probe. */
import type { Item } from '../../../adapters/records.ts'
import type { MakeCheck } from './check.ts'

/** By the same clock. */
const ASIDE_MS = 10_000
const lastError = (item: Item) => (item['errors'] as { class: string; at: number }[] | undefined)?.at(-1)

export const refused: MakeCheck = (w) => {
  const probes = new Set<string>()
  return {
    // By the message that the call was made for: an older one under the same fence may be quicker than the probe's.
    arrival({ request, permit }) {
      if (permit?.probe) probes.add(`${request.jobId} ${request.fence}`)
    },
    move({ gone: [gone], put: [came], jobId }) {
      if (gone?.item['state'] !== 'running' || came?.item['state'] !== 'queued') return
      const error = lastError(came.item)
      if (error?.class !== 'provider-config') return
      const charged = Number(came.item['throttles']) - Number(gone.item['throttles'])
      if (charged > 0 && probes.has(`${jobId} ${Number(gone.item['fence'])}`))
        w.fail('refused', `${jobId} was a probe and is charged for it`)
      if (Number(came.item.sk.slice(0, 13)) < error.at + ASIDE_MS)
        w.fail('refused', `${jobId} was refused and does not step aside`)
    },
  }
}
