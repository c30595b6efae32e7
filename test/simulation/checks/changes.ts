/**
 * A change of settings comes with its bell, each over the last; nothing is sent by one that was superseded for longer than
 * is promised; and no worker calls by older settings than its permit was given by.
 */
import type { JobMessage } from '../../../services/ports.ts'
import type { MakeCheck } from './check.ts'
import { InForce } from './in-force.ts'

const nameOf = (job: Pick<JobMessage['jobs'][number], 'key' | 'fence' | 'slot'>): string =>
  `${job.key.jobId} ${job.fence} ${job.slot}`

export const changes: MakeCheck = (w) => {
  if (w.scenario.changes.length === 0) return {}
  const inForce = new InForce(w)
  /** Under which version each job was sent. */
  const sentUnder = new Map<string, number>()
  const fail = (message: string) => w.fail('changes', message)
  return {
    commit(commit) {
      for (const { sk, before, after } of commit) {
        if (sk !== 'settings' || !after) continue
        if (Number(after['version']) !== Number(before?.['version'] ?? 0) + 1) fail('a change went over another unseen')
        const rung = commit.some(({ table, after: bell }) => table === 'rings' && bell?.['t'] === 'changed')
        if (!rung) fail('settings were changed, and no bell tells of it')
      }
      inForce.keep(commit)
    },
    sent({ pool, settings = 0, jobs }) {
      for (const job of jobs) {
        sentUnder.set(nameOf(job), settings)
        // A clock that is off stamps its slots elsewhere.
        const good = w.scenario.clocks === 'beyond' || inForce.at(pool, job.slot).some((v) => v.version === settings)
        if (!good) fail(`sent by version ${settings} of the settings of ${pool}, long superseded`)
      }
    },
    rest() {
      for (const pool of new Set(w.scenario.changes.map((change) => change.pool)))
        for (const name of Object.keys(Object(w.tables.get('capacity', { pk: pool, sk: 'settings' })?.['fields'])))
          fail(`${name} of ${pool} was taken away and is still changed`)
    },
    arrival({ pool, permit, request }) {
      if (!permit || w.scenario.oldBesideNew) return
      const versions = inForce.since(pool, sentUnder.get(nameOf(permit)) ?? 0)
      const { requests, tokens, inputTokens, outputTokens } = request.pool
      const isOf = ({ requests: r, tokens: t, inputTokens: i, outputTokens: o }: typeof request.pool) =>
        r === requests && t === tokens && i === inputTokens && o === outputTokens
      if (!versions.some(({ limits }) => isOf(limits)))
        fail(`${request.jobId} is called by settings from before those it was permitted by`)
    },
  }
}
