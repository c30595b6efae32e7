/** Whether a draft needs a person: by the kind's policy. */
import type { ReviewSettings } from './settings.ts'

/**
 * The team whose inbox the draft goes to, or undefined when it needs nobody. `unit` is a random number in [0, 1), drawn for
 * this draft: whoever submits chooses ids, and must not choose by them who is sampled.
 */
export function reviewTeam(review: ReviewSettings, unit: number): string | undefined {
  switch (review.policy) {
    case 'none':
      return undefined
    case 'required':
      return review.team
    case 'sample':
      return unit < review.rate ? review.team : undefined
  }
}
