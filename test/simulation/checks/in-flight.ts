/** No more calls are in flight than the pool allows at once, where nothing fails: what is dead or doubled is not counted on. */
import type { MakeCheck } from './check.ts'

export const inFlight: MakeCheck = (w) => {
  if (!w.scenario.faultless) return {}
  const ends = new Map<string, number[]>()
  return {
    arrival({ pool, at, request, said }) {
      const { concurrency = Infinity } = request.pool
      const running = [...(ends.get(pool) ?? []).filter((end) => end > at), at + said.afterMs]
      ends.set(pool, running)
      if (running.length > concurrency)
        w.fail('in-flight', `${running.length} calls of ${pool} at once, of ${concurrency}`)
    },
  }
}
