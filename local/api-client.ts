/** A caller of the API with a token: what the sample, the display and the command line use. */
export class ApiProblem extends Error {
  readonly code: string
  constructor(
    readonly status: number,
    readonly problem: { code?: string; detail?: string; remedy?: string },
  ) {
    super(`${problem.code ?? status}: ${problem.detail ?? 'no detail'} ${problem.remedy ?? ''}`.trim())
    this.code = problem.code ?? 'unknown'
  }
}

export interface ApiClient {
  get(path: string): Promise<unknown>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<unknown>
}

export function apiClient(url: string, token: string): ApiClient {
  const ask = async (path: string, init: RequestInit): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string>) }
    const response = await fetch(new URL(path, url), { ...init, headers })
    const body = (await response.json().catch(() => ({}))) as Record<string, string>
    if (!response.ok) throw new ApiProblem(response.status, body)
    return body
  }
  return {
    get: (path) => ask(path, {}),
    post: (path, body = {}, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
  }
}
