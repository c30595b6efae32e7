/**
 * Every route of the HTTP API and the function that answers it: API Gateway is built from this list, and a test
 * compares it with the apps. It must not import anything: lib/ reads it at synth, the functions at run time.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH'
  /** A parameter of the path stands in braces, as API Gateway and OpenAPI write it. */
  readonly path: `/${string}`
  /**
   * Decisions on drafts have a function of their own, because it alone may write an approval (G8); so has what people call
   * through, because its answers are streamed.
   */
  readonly function: 'api' | 'approval' | 'chat'
}

export const ROUTES = [
  { method: 'POST', path: '/v1/jobs', function: 'api' },
  { method: 'POST', path: '/v1/jobs/batch', function: 'api' },
  { method: 'GET', path: '/v1/jobs', function: 'api' },
  { method: 'GET', path: '/v1/jobs/{id}', function: 'api' },
  { method: 'POST', path: '/v1/jobs/{id}/cancel', function: 'api' },
  { method: 'POST', path: '/v1/jobs/{id}/redrive', function: 'api' },
  { method: 'GET', path: '/v1/owners', function: 'api' },
  { method: 'GET', path: '/v1/owners/{id}', function: 'api' },
  { method: 'GET', path: '/v1/pools', function: 'api' },
  { method: 'GET', path: '/v1/pools/{id}', function: 'api' },
  { method: 'PATCH', path: '/v1/pools/{id}', function: 'api' },
  { method: 'POST', path: '/v1/pools/{id}/resume', function: 'api' },
  { method: 'POST', path: '/v1/pools/{id}/permits', function: 'api' },
  { method: 'GET', path: '/v1/pools/{id}/permits/{permit}', function: 'api' },
  { method: 'POST', path: '/v1/pools/{id}/permits/{permit}/settle', function: 'api' },
  { method: 'POST', path: '/v1/pools/{id}/permits/{permit}/release', function: 'api' },
  { method: 'GET', path: '/v1/overview', function: 'api' },
  { method: 'GET', path: '/v1/openapi.json', function: 'api' },
  { method: 'GET', path: '/health', function: 'api' },
  { method: 'GET', path: '/v1/reviews', function: 'approval' },
  { method: 'GET', path: '/v1/reviews/{id}', function: 'approval' },
  { method: 'POST', path: '/v1/reviews/{id}/approve', function: 'approval' },
  { method: 'POST', path: '/v1/reviews/{id}/reject', function: 'approval' },
  { method: 'POST', path: '/v1/chat/completions', function: 'chat' },
  { method: 'GET', path: '/v1/models', function: 'chat' },
] as const satisfies readonly Route[]
