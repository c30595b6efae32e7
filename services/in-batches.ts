/** Lanes that are looked at together, each by a read of its own. */
export const LANES_AT_ONCE = 16

/** Runs an operation over many things, at most `atOnce` of them at a time. The first failure is thrown. */
export async function inBatches<T>(
  things: readonly T[],
  atOnce: number,
  run: (thing: T) => Promise<void>,
): Promise<void> {
  const queue = things[Symbol.iterator]()
  const worker = async () => {
    for (const thing of queue) await run(thing)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker))
}
