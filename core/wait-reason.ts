/** Why a job is not running: every "no" of the planner carries one of these, and people read its sentence. */
export const WAIT_REASONS = {
  SCHEDULED: 'It was asked to start later.',
  BACKOFF: 'A try failed; the next one waits its turn in time.',
  SAME_CALL: 'An identical job is being called; this one takes its answer.',
  CAPACITY_RPM: "The provider's limit of requests is used up for now.",
  CAPACITY_TPM: "The provider's limit of tokens is used up for now.",
  CAPACITY_DAY: "The provider's limit for a day is used up for now.",
  CAPACITY_CONCURRENCY: 'As many calls are in flight as the provider allows at once.',
  PEOPLE_FIRST: 'What is free is kept for people who call directly; it comes free a moment later.',
  OWNER_LIMIT: 'Its owner has used up what it may have of this pool for now.',
  TIER_TURN: 'Capacity goes to another tier first, as the tiers are set to share it.',
  OWNER_TURN: "Other owners' turns come first, so that each gets a fair share.",
  PROVIDER_CONFIG: 'The provider refused our key, model or credit; the pool is stopped until that is mended.',
  SLOWDOWN: 'The provider allows less than its limit for now: it asked for quiet, says so, or others use it.',
  CIRCUIT_OPEN: 'The provider is down; one call at a time asks whether it is back.',
  CLOCK_OFF: "The dispatcher's clock is not the database's; it sends nothing until it is set right.",
  REVIEW: 'A draft is written and waits for a person.',
  DISPATCHING: 'It has entered the queue and waits for the next tick.',
} as const
export type WaitReason = keyof typeof WAIT_REASONS

/** What holds one lane says nothing of another: not of its owner's, nor of its tier's. */
const OF_ONE_LANE: readonly WaitReason[] = ['SCHEDULED', 'BACKOFF', 'SAME_CALL', 'OWNER_LIMIT']
export const isOfOneLane = (reason: WaitReason): boolean => OF_ONE_LANE.includes(reason)
/** Of two that may be told of many: what holds one lane gives way to what holds others too. */
export const tellingMore = (one: WaitReason | undefined, other: WaitReason): WaitReason =>
  one === undefined || isOfOneLane(one) ? other : one
