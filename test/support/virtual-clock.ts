/**
 * A clock that moves only when driven: to the next moment that somebody waits for, once everything that can happen now
 * has happened. Nothing sleeps, so the order of events depends on nothing but what the code under test does.
 */
import { setImmediate as turn } from 'node:timers/promises'
import TinyQueue from 'tinyqueue'
import type { Clock } from '../../services/ports.ts'

interface Waiter {
  readonly at: number
  /** Who waits for the same moment is woken in the order of asking. */
  readonly order: number
  readonly wake: () => void
  gone: boolean
}

/** More than this at one moment is a loop that makes no progress in time. */
const STEPS_AT_ONE_MOMENT = 20_000

export class VirtualClock implements Clock {
  private readonly waiters = new TinyQueue<Waiter>([], (a, b) => a.at - b.at || a.order - b.order)
  private asked = 0
  private stepsHere = 0

  constructor(private time: number) {}

  now(): number {
    return this.time
  }

  /** What is due already waits for the driver as well: a loop without progress is then seen, and not endless. */
  until(at: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done)
        waiter.gone = true
        resolve()
      }
      const waiter = { at: Math.max(Math.ceil(at), this.time), order: this.asked++, wake: done, gone: false }
      this.waiters.push(waiter)
      signal?.addEventListener('abort', done)
    })
  }

  /** Moves to the next moment that somebody waits for, if it comes by `latest`, and lets happen what follows from it. */
  async step(latest = Infinity): Promise<boolean> {
    while (this.waiters.peek()?.gone) this.waiters.pop()
    const next = this.waiters.peek()
    if (!next || next.at > latest) return false
    this.waiters.pop()
    this.stepsHere = next.at === this.time ? this.stepsHere + 1 : 0
    if (this.stepsHere > STEPS_AT_ONE_MOMENT) throw new Error(`time stands still at ${this.time}`)
    this.time = next.at
    next.wake()
    await turn()
    return true
  }

  /** Lets everything happen that is due up to then, and stands there. */
  async runTo(at: number): Promise<void> {
    await turn()
    while (await this.step(at));
    this.time = Math.max(this.time, Math.ceil(at))
  }

  /** Moves on until the condition holds; what has not come after `atMostMs` will not come. */
  async runUntil(holds: () => boolean, atMostMs = 3_600_000): Promise<void> {
    const latest = this.time + atMostMs
    await turn()
    while (!holds())
      if (!(await this.step(latest))) throw new Error(`after ${this.time - latest + atMostMs} ms it has not come`)
  }

  /** What the promise comes to, moving on until it does. */
  async during<T>(promise: Promise<T>, atMostMs?: number): Promise<T> {
    let settled = false
    const settle = () => {
      settled = true
    }
    promise.then(settle, settle)
    await this.runUntil(() => settled, atMostMs)
    return promise
  }
}
