/** Development tokens: who a caller is on this machine, provable by the data folder's secret. They stand in for IAM. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CallerSettings } from '../core/settings.ts'

const PREFIX = 'fairlead_dev'

export const tokenFor = (secret: string, callerId: string): string =>
  `${PREFIX}_${callerId}_${createHmac('sha256', secret).update(`token ${callerId}`).digest('hex').slice(0, 40)}`

/** The caller's role, if the header holds a token that was made with this secret. */
export function roleOfToken(
  secret: string,
  callers: readonly CallerSettings[],
  header: string | undefined,
): string | undefined {
  const given = Buffer.from(/^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '')
  return callers.find((c) => {
    const expected = Buffer.from(tokenFor(secret, c.id))
    return expected.length === given.length && timingSafeEqual(expected, given)
  })?.role
}
