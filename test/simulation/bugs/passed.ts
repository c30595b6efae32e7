/** Bugs of people's calls that are passed through. */
import type { Bug } from './bug.ts'

const CHAT = 'services/chat/chat.ts'
const SEAT = 'services/chat/seat.ts'

export const PASSED_BUGS: readonly Bug[] = [
  {
    name: 'a call leaves however late its connection stands',
    file: SEAT,
    find: 'this.p.deps.clock.now() <= (this.permit?.useBy ?? 0)',
    replace: 'this.permit !== undefined',
    seed: 132,
  },
  {
    name: 'what a provider refused is given back',
    file: CHAT,
    find: "if (answer.kind === 'failed' && answer.sent) await seat.settle({})\n    else if",
    replace: 'if',
    seed: 132,
  },
  {
    name: 'an answer that is left is given back',
    file: CHAT,
    find: 'await settle(value instanceof Uint8Array ? undefined : value)',
    replace: 'void value\n        await settle({ inputTokens: 0, outputTokens: 0 })',
    seed: 132,
  },
  {
    name: 'a call that names no maximum is sent without one',
    file: CHAT,
    find: 'const body = withMaximum(pool, request.body)',
    replace: 'void withMaximum\n  const body = request.body',
    seed: 132,
  },
  {
    name: 'a call is settled when its answer begins',
    file: CHAT,
    find: '        const next = await chunks.next()\n',
    replace: '        await settle({ inputTokens: 1, outputTokens: 1 })\n        const next = await chunks.next()\n',
    seed: 132,
  },
  {
    name: 'whoever waited in vain stays in line',
    file: SEAT,
    find: '    await this.close((at) => releasePermit(this.p.deps, this.p.caller, at))',
    replace: '    void releasePermit',
    seed: 53,
  },
]
