/** G7, G8: no model call beyond one per fence, each by the worker that holds the claim, none once the job has ended. */
import type { MakeCheck } from './check.ts'

export const calls: MakeCheck = (w) => {
  const made = new Set<string>()
  return {
    // Fences go back with the records that have them.
    restored: () => made.clear(),
    arrival({ request, job, process, permit }) {
      const { jobId, fence } = request
      if (made.has(`${jobId} ${fence}`)) w.fail('calls', `${jobId} was called twice under fence ${fence}`)
      made.add(`${jobId} ${fence}`)
      if (!job) return w.fail('calls', `${jobId} is called and was never written`)
      if (job.end && fence > (job.end['fence'] as number))
        w.fail('calls', `${jobId} is called under fence ${fence} and has ended under ${job.end['fence']}`)
      // A call that was held up on its way finds the world changed, which the guard rules out.
      if (w.scenario.clocks === 'beyond') return
      const record = w.book.home(job)
      if (job.end) w.fail('calls', `${jobId} is called and has ended`)
      else if (record?.['state'] !== 'running' || record['fence'] !== fence)
        w.fail('calls', `${process.role}${process.id} calls ${jobId} without holding it`)
      else if ((record['leaseUntil'] as number) < (permit?.slot ?? 0) + request.timeoutMs)
        w.fail('calls', `the lease of ${jobId} ends before its call may`)
    },
  }
}
