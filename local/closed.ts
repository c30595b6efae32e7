/** A server's end: nothing new is taken, and what is open is cut. */
import type { Server } from 'node:http'

export const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
