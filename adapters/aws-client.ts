/** How long an AWS service may take, and how often it is asked: the same for every client. By itself the SDK waits for ever. */

/** The SDK retries throttles, 5xx and broken connections with jitter. */
const ATTEMPTS = 4
/** An answer takes some ms; a connection that fell silent must not cost a whole lease, nor a job its slots. */
const CONNECT_TIMEOUT_MS = 2_000
const ANSWER_TIMEOUT_MS = 3_000

export const WAITING = {
  maxAttempts: ATTEMPTS,
  requestHandler: {
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: ANSWER_TIMEOUT_MS,
    throwOnRequestTimeout: true,
  },
} as const

export const awsClient = <C>(Client: new (config: typeof WAITING) => C): C => new Client(WAITING)
