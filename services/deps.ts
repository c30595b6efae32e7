/** What a service is given: settings and ports, composed once per process at the edge. */
import type { Settings } from '../core/settings.ts'
import type { Doorbell } from './doorbell.ts'
import type {
  CapacityStore,
  ChatPort,
  Clock,
  JobQueue,
  JobStore,
  Log,
  Meter,
  ModelPort,
  PeopleStore,
  Random,
  RingStore,
  Waker,
} from './ports.ts'

/** The tables and what surrounds them: enough for everything but dispatching and working. */
export interface Deps {
  readonly settings: Settings
  readonly jobs: JobStore
  readonly rings: RingStore
  readonly capacity: CapacityStore
  readonly people: PeopleStore
  readonly clock: Clock
  readonly random: Random
  readonly doorbell: Doorbell
  readonly meter: Meter
  readonly log: Log
}
export interface DispatcherDeps extends Deps {
  readonly queue: JobQueue
  readonly waker: Waker
}
export interface WorkerDeps extends Deps {
  readonly model: ModelPort
}
export interface ChatDeps extends Deps {
  readonly chat: ChatPort
}
