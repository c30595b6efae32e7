/** The environments that functions run in: started when needed, used again, gone when they die or their time is up. */
import type { WorldClock } from './clock.ts'
import { type Role, SimProcess } from './process.ts'
import type { Stream } from './random.ts'

/** How an invocation ended: `died` is all that anybody outside learns of a crash, a hang or a time limit. */
export type Ended<T> = { kind: 'done'; value: T } | { kind: 'threw'; error: unknown } | { kind: 'died' }

interface Environment<D> {
  readonly process: SimProcess
  readonly deps: D
  /** Counts its invocations: a time limit is of one of them. */
  served: number
}

/** `D`: what its functions are given. */
export class Fleet<D> {
  private readonly idle: Record<Role, Environment<D>[]> = { api: [], worker: [], dispatcher: [], publisher: [] }
  readonly processes: SimProcess[] = []
  /** Invocations that have not ended. */
  readonly running = new Set<Environment<D>>()

  constructor(
    private readonly p: {
      clock: WorldClock
      stream: Stream
      offset: () => number
      compose: (process: SimProcess) => D
      threw: (role: Role, error: unknown) => void
    },
  ) {}

  invoke<T>(role: Role, limitMs: number, task: (deps: D, process: SimProcess) => Promise<T>): Promise<Ended<T>> {
    const environment = this.environment(role)
    const { process } = environment
    const invocation = ++environment.served
    this.running.add(environment)
    return new Promise((resolve) => {
      const end = (ended: Ended<T>) => {
        this.running.delete(environment)
        resolve(ended)
        if (process.alive) this.idle[role].push(environment)
      }
      process.onDeath = () => end({ kind: 'died' })
      this.p.clock.after(limitMs, () => {
        if (environment.served === invocation && this.running.has(environment)) process.die()
      })
      task(environment.deps, process).then(
        (value) => end({ kind: 'done', value }),
        (error: unknown) => {
          this.p.threw(role, error)
          end({ kind: 'threw', error })
        },
      )
    })
  }

  /** All of them end. */
  end(): void {
    for (const process of this.processes) process.die()
    for (const role of Object.keys(this.idle) as Role[]) this.idle[role].length = 0
  }

  private environment(role: Role): Environment<D> {
    const idle = this.idle[role]
    const known = idle.length > 0 && this.p.stream.chance(0.8) ? idle.shift() : undefined
    // What went on in it after its last answer may have been its end.
    if (known?.process.alive) return known
    const process = new SimProcess(this.p.clock, this.processes.length + 1, role, this.p.offset())
    this.processes.push(process)
    return { process, deps: this.p.compose(process), served: 0 }
  }
}
