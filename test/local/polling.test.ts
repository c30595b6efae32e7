import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AGAIN_MS, poll, RECEIVED_AT_MOST, WORKERS_AT_ONCE } from '../../local/polling.ts'
import { NOW } from '../support/records.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const TEN = Array.from({ length: RECEIVED_AT_MOST }, (_, i) => i)
/** Work that is done when it is told so. */
function held() {
  const letGo: (() => void)[] = []
  return { letGo, work: () => new Promise<void>((resolve) => letGo.push(resolve)) }
}
const untilAborted = (signal: AbortSignal) =>
  new Promise<never[]>((resolve) => signal.addEventListener('abort', () => resolve([])))

test('a queue that refuses at once is asked again after a pause, until it answers', async () => {
  const clock = new VirtualClock(NOW)
  const stopping = new AbortController()
  const asked: number[] = []
  const worked: string[] = []
  const receive = async (signal: AbortSignal) => {
    asked.push(clock.now() - NOW)
    // So that one who never pauses ends too.
    if (asked.length > 9) stopping.abort()
    if (asked.length < 4) throw new Error('refused')
    return asked.length === 4 ? ['a message'] : untilAborted(signal)
  }
  const done = poll({ clock, receive, work: async (message) => worked.push(message) }, stopping.signal)
  await clock.runTo(NOW + 10 * AGAIN_MS)
  expect(asked).toEqual([0, AGAIN_MS, 2 * AGAIN_MS, 3 * AGAIN_MS, 3 * AGAIN_MS])
  expect(worked).toEqual(['a message'])
  stopping.abort()
  await done
})

test('no more workers run at once than may, and the rest stays in the queue until one is done', async () => {
  const stopping = new AbortController()
  const { letGo, work } = held()
  let received = 0
  const receive = async () => {
    await turn()
    received += TEN.length
    // So that one who never has enough ends too.
    if (received > 2 * WORKERS_AT_ONCE) stopping.abort()
    return TEN
  }
  const done = poll({ clock: new VirtualClock(NOW), receive, work }, stopping.signal)
  for (let i = 0; i < WORKERS_AT_ONCE; i++) await turn()
  expect(received).toBe(WORKERS_AT_ONCE)
  for (const go of letGo.splice(0, RECEIVED_AT_MOST)) go()
  for (let i = 0; i < RECEIVED_AT_MOST; i++) await turn()
  expect(received).toBe(WORKERS_AT_ONCE + RECEIVED_AT_MOST)
  stopping.abort()
  for (const go of letGo) go()
  await done
})

test('it ends when the last message is done, and work that fails ends nothing', async () => {
  const stopping = new AbortController()
  const { letGo, work } = held()
  let given = false
  let ended = false
  const receive = async (signal: AbortSignal) => {
    if (given) return untilAborted(signal)
    given = true
    return ['fails', 'lasts']
  }
  const one = (message: string) => (message === 'fails' ? Promise.reject(new Error(message)) : work())
  const done = poll({ clock: new VirtualClock(NOW), receive, work: one }, stopping.signal).then(() => {
    ended = true
  })
  await turn()
  stopping.abort()
  await turn()
  expect([letGo.length, ended]).toEqual([1, false])
  letGo[0]?.()
  await done
})
