/**
 * G4 and G5, where nothing fails: two owners of a tier, and two tiers, that have both been known to be ready differ in
 * service by weight by at most the sum of their largest jobs by weight, however long that lasts (start-time fair
 * queueing, theorem 1). Strict tiers go by rank alone. Where more than calls is limited, one that waits for room may be
 * passed, by no more than if it had been served, and then goes whoever is in turn: twice the larger by weight more.
 * Shares counted in tokens are test/core's.
 */
import type { JobMessage } from '../../../services/ports.ts'
import { Backlog, type Waiting } from './backlog.ts'
import type { Check, MakeCheck, Witness } from './check.ts'
import { limitsOnlyCalls } from './limits.ts'

const TIERS = ['high', 'medium', 'low']
const ROUNDING = 1e-9

/** Two that are backlogged together: how their service by weight has come apart since then. */
class Pair {
  private difference = 0
  private least = 0
  private most = 0
  constructor(readonly bound: number) {}

  served(by: number): number {
    this.difference += by
    this.least = Math.min(this.least, this.difference)
    this.most = Math.max(this.most, this.difference)
    return this.most - this.least
  }
}

/** Contenders for one thing, by name. */
class Rivals {
  private readonly pairs = new Map<string, Pair>()
  constructor(
    private readonly weight: (name: string) => number,
    private readonly passing: boolean,
  ) {}

  private bound(a: string, b: string): number {
    const [one, other] = [1 / this.weight(a), 1 / this.weight(b)]
    return one + other + (this.passing ? 2 * Math.max(one, other) : 0)
  }

  /** `ready`: who has been known to be ready, the served one included if it was. Answers the pair that came too far apart. */
  serve(name: string, ready: ReadonlySet<string>): string | undefined {
    for (const key of [...this.pairs.keys()]) if (!key.split(' ').every((n) => ready.has(n))) this.pairs.delete(key)
    if (!ready.has(name)) return undefined
    for (const other of ready) {
      if (other === name) continue
      const [a, b] = [name, other].sort() as [string, string]
      const pair = this.pairs.get(`${a} ${b}`) ?? new Pair(this.bound(a, b))
      this.pairs.set(`${a} ${b}`, pair)
      if (pair.served((name === a ? 1 : -1) / this.weight(name)) > pair.bound + ROUNDING) return `${a} and ${b}`
    }
    return undefined
  }
}

export const sharing: MakeCheck = (w) => {
  // Who ends from the cache gives its turn back, of which the messages tell nothing: test/services/same-call holds that.
  if (!w.scenario.faultless || w.scenario.topics > 0 || w.scenario.capped) return {}
  const backlog = new Backlog(w)
  const rivals = new Map<string, Rivals>()
  return {
    move: (move, job) => backlog.move(move, job),
    sent(message) {
      for (const job of message.jobs) serve(w, rivals, backlog, message.pool, job)
    },
  } satisfies Check
}

type Place = Pick<Waiting, 'owner' | 'tier'>
function placeIn(lane: string): Place {
  const [, tier, owner] = lane.split('#') as [string, string, string]
  return { owner, tier }
}

function serve(
  w: Witness,
  all: Map<string, Rivals>,
  backlog: Backlog,
  pool: string,
  job: JobMessage['jobs'][number],
): void {
  const ready = backlog.ready(pool)
  backlog.take(job)
  // What was cancelled a moment ago is served all the same: the dispatcher has not heard of it yet.
  const its = placeIn(job.key.lane)
  const settings = w.scenario.settings.pools[pool]
  if (!settings || settings.share === 'tokens') return
  const passing = !limitsOnlyCalls(settings)
  const compare = (what: string, name: (o: Place) => string, weight: (n: string) => number, among: Waiting[]) => {
    const rivals = all.get(`${pool} ${what}`) ?? new Rivals(weight, passing)
    all.set(`${pool} ${what}`, rivals)
    const apart = rivals.serve(name(its), new Set(among.map(name)))
    if (apart) w.fail('sharing', `${what}: ${apart} have come too far apart`)
  }
  const ownerWeight = (owner: string) => w.scenario.settings.owners[owner]?.weight ?? 1
  const tierWeight = (tier: string) => settings.tiers[tier as 'high']
  const mine = ready.filter((o) => o.owner === its.owner)
  const tiers = ready.filter((o) => o.tier === its.tier)
  if (settings.order === 'owners') {
    compare('owners', (o) => o.owner, ownerWeight, ready)
    compare(`tiers of ${its.owner}`, (o) => o.tier, tierWeight, mine)
  } else {
    compare(`owners of ${its.tier}`, (o) => o.owner, ownerWeight, tiers)
    if (settings.order === 'weighted') compare('tiers', (o) => o.tier, tierWeight, ready)
    else if (!passing && ready.some((o) => TIERS.indexOf(o.tier) < TIERS.indexOf(its.tier)))
      w.fail('sharing', `a ${its.tier} job went before a higher tier`)
  }
}
