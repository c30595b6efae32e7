/**
 * The moment at which a call leaves: all that goes before it (the key, the request's body) is done by then, so that its
 * slot is met however busy the process is. The provider packages hand a call's abort signal to fetch as it was given to
 * them; by it the call is known again there.
 */
export class Missed extends Error {
  readonly code = 'slot-missed'
}

const calls = new WeakMap<AbortSignal, () => Promise<void>>()

export interface Leaving {
  readonly signal: AbortSignal
  /** The answer has come, or none is waited for. */
  done(): void
}

/** `begin` says whether the call may leave; its time runs from then on, and not while it waits for that. */
export function leaving(begin: () => Promise<boolean>, timeoutMs: number): Leaving {
  const { signal, abort } = abortable()
  let timer: NodeJS.Timeout | undefined
  calls.set(signal, async () => {
    if (!(await begin())) throw new Missed('its slot was missed')
    timer = setTimeout(abort, timeoutMs)
  })
  return { signal, done: () => clearTimeout(timer) }
}

function abortable() {
  const controller = new AbortController()
  return {
    signal: controller.signal,
    abort: () => controller.abort(new DOMException('no answer in time', 'TimeoutError')),
  }
}

/** To be awaited directly before the request; throws where it may not leave. A slot is for one request: a second throws. */
export async function beforeItLeaves(signal: AbortSignal | null | undefined): Promise<void> {
  const call = signal && calls.get(signal)
  if (!call)
    throw new Error('a provider package sent a second request, or hands fetch another signal than it was given')
  calls.delete(signal)
  await call()
}
