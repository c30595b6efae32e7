/** The names of the variables that tie a function to its tables and queues. lib/ sets them, compose.ts reads them. */
export const ENV = {
  liveTable: 'FAIRLEAD_LIVE_TABLE',
  jobsTable: 'FAIRLEAD_JOBS_TABLE',
  ringsTable: 'FAIRLEAD_RINGS_TABLE',
  capacityTable: 'FAIRLEAD_CAPACITY_TABLE',
  approvalsTable: 'FAIRLEAD_APPROVALS_TABLE',
  queueUrl: 'FAIRLEAD_QUEUE_URL',
  /** The dispatcher's function name, for those who wake it. */
  dispatcher: 'FAIRLEAD_DISPATCHER',
  /** Seals list cursors. */
  cursorKey: 'FAIRLEAD_CURSOR_KEY',
  /** Provider keys stand in Secrets Manager under this prefix and the name that `keyVariable` gives. */
  secretPrefix: 'FAIRLEAD_SECRET_PREFIX',
  eventBus: 'FAIRLEAD_EVENT_BUS',
} as const
export type EnvName = (typeof ENV)[keyof typeof ENV]
/** What the publisher's events say they are from; its role may say nothing else. */
export const EVENT_SOURCE = 'fairlead'
