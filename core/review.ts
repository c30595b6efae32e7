/** Whether a draft needs a person: by the kind's policy, and for a sample by the job's id, so that a repeat agrees. */
import type { ReviewSettings } from './settings.ts'

/** FNV-1a, 32 bits: spreads ids evenly enough to draw a sample. */
function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  // ULIDs of one millisecond differ in their last letters only; mixing carries that to the high bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0
  return (hash ^ (hash >>> 13)) >>> 0
}

/** The team whose inbox the draft goes to, or undefined when it needs nobody. */
export function reviewTeam(review: ReviewSettings, jobId: string): string | undefined {
  switch (review.policy) {
    case 'none':
      return undefined
    case 'required':
      return review.team
    case 'sample':
      return hash32(jobId) / 2 ** 32 < review.rate ? review.team : undefined
  }
}
