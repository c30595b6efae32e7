/**
 * The moment at which a call leaves: all that goes before it (the key, the request's body, the connection, which in a
 * process just started takes longest) is done by then, so that its slot is met however busy the process is. The provider
 * packages hand a call's abort signal to fetch as it was given to them; by it the call is known again in sending.ts.
 */

import type { CallSlot } from '../../services/ports.ts'

/** A call on its way: until it has a connection, until its slot; then it has left, or may not. */
type Stage = 'connecting' | 'waiting' | 'left' | 'missed'

export interface Call {
  readonly stage: Stage
  /** Its answer is read as it comes. */
  readonly streams: boolean
  /** Resolves when it is time to connect, and throws if that would be for nothing. */
  connect(): Promise<void>
  /**
   * Resolves in its slot, and throws where it has passed. For another connection it is the same waiting; where that is over
   * the slot is asked for anew, since connecting may have taken longer than it lasts.
   */
  leave(): Promise<void>
}
const calls = new WeakMap<AbortSignal, Call>()

export interface Leaving {
  readonly signal: AbortSignal
  /** Rejects when its time is over: whatever a provider package makes of an abort. */
  readonly over: Promise<never>
  /** Its slot had passed before it could leave. */
  missed(): boolean
  /** The provider may have it. */
  left(): boolean
  /** The answer has come, or none is waited for. */
  done(): void
}

interface Streaming {
  readonly streams?: boolean
  /** Whoever waits for the answer has gone. */
  readonly gone?: AbortSignal
}

/** So long it may take to connect, and so long to be answered; what it waits for its slot is not counted. */
export function leaving(slot: CallSlot, timeoutMs: number, p: Streaming = {}): Leaving {
  const { signal, over, abort } = abortable(p.gone)
  let stage: Stage = 'connecting'
  let timer: NodeJS.Timeout | undefined
  let waiting: Promise<void> | undefined
  const goOn = (yes: boolean) => {
    if (!yes) {
      stage = 'missed'
      throw new Error('its slot was missed')
    }
    timer = setTimeout(abort, timeoutMs)
  }
  const wait = async () => {
    stage = 'waiting'
    clearTimeout(timer)
    goOn(await slot.begin())
    stage = 'left'
  }
  calls.set(signal, {
    get stage() {
      return stage
    },
    streams: p.streams ?? false,
    connect: async () => goOn(await slot.nears()),
    leave() {
      if (stage === 'left') waiting = undefined
      waiting ??= wait()
      return waiting
    },
  })
  return {
    signal,
    over,
    missed: () => stage === 'missed',
    left: () => stage === 'left',
    done: () => clearTimeout(timer),
  }
}

function abortable(gone?: AbortSignal) {
  const controller = new AbortController()
  const signal = gone ? AbortSignal.any([controller.signal, gone]) : controller.signal
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  over.catch(() => undefined)
  return { signal, over, abort: () => controller.abort(new DOMException('no answer in time', 'TimeoutError')) }
}

/** A slot is for one request: a second one throws. */
export function called(signal: AbortSignal | null | undefined): Call {
  const call = signal && calls.get(signal)
  if (!call)
    throw new Error('a provider package sent a second request, or hands fetch another signal than it was given')
  calls.delete(signal)
  return call
}
