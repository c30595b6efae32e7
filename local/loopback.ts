/**
 * A loopback address that nobody can guess. The embedded database asks for no password and lets any origin in; on Linux all
 * of 127.0.0.0/8 is this machine's, so an address and a port picked at random keep web pages from finding it. Other
 * systems have 127.0.0.1 alone. It is no wall against other processes of this machine: those can list its ports.
 */
import { randomInt } from 'node:crypto'

export const hiddenLoopback = (platform: NodeJS.Platform = process.platform): string =>
  platform === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : '127.0.0.1'
