/**
 * The world's time: events in order, one after another. Every wait and every answer of the outside is an event, so
 * between two of them everything that can happen has happened once the microtasks have run dry, which they do between
 * any two callbacks of Node's immediate queue. Immediates are queued by the hundred: a turn of the event loop for each
 * event would cost more than most events do.
 */
import TinyQueue from 'tinyqueue'

interface Event {
  readonly at: number
  /** What is due at the same moment happens in the order of asking. */
  readonly order: number
  readonly run: () => void
}

const EVENTS_A_TURN = 100
/** More than this at one moment is a loop that makes no progress in time. */
const EVENTS_AT_ONE_MOMENT = 50_000

export class WorldClock {
  private readonly events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order)
  private asked = 0
  private here = 0

  constructor(public time: number) {}

  at(time: number, run: () => void): void {
    this.events.push({ at: Math.max(Math.ceil(time), this.time), order: this.asked++, run })
  }

  after(ms: number, run: () => void): void {
    this.at(this.time + ms, run)
  }

  /** Lets events happen until told to stop, or until none is left. */
  drive(stop: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false
      const step = () => {
        if (over) return
        try {
          over = stop() || !this.next()
        } catch (error) {
          over = true
          reject(error)
        }
        if (over) resolve()
      }
      const turn = () => {
        for (let i = 0; i < EVENTS_A_TURN && !over; i++) setImmediate(step)
        if (!over) setImmediate(turn)
      }
      turn()
    })
  }

  private next(): boolean {
    const event = this.events.pop()
    if (!event) return false
    this.here = event.at === this.time ? this.here + 1 : 0
    if (this.here > EVENTS_AT_ONE_MOMENT) throw new Error(`time stands still at ${this.time}`)
    this.time = event.at
    event.run()
    return true
  }
}
