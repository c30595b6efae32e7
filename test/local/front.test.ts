import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BODY_BYTES_AT_MOST } from '../../lambdas/shared/http.ts'
import type { HttpHandler } from '../../lambdas/shared/http-handler.ts'
import { type Front, type FrontParts, startFront } from '../../local/front.ts'
import { DEVELOPER } from '../../local/settings.ts'
import { tokenFor } from '../../local/tokens.ts'

const TOKEN = tokenFor('secret', DEVELOPER.id)
let events: { by: string; event: APIGatewayProxyEventV2 }[]
let front: Front
let answer: object

/** As the app of people's calls: notes what it is asked, and answers as it is told. */
let chatting: (request: Request) => Response | Promise<Response>
const chat: FrontParts['chat'] = {
  fetch: async (request, env) => {
    events.push({ by: 'chat', event: (env as { event: APIGatewayProxyEventV2 }).event })
    return chatting(request)
  },
}

/** What a path's answers wait for. */
let waits: (path: string) => Promise<void> | undefined
/** Called at each event. */
let heard: () => void
const eventsCame = (n: number): Promise<void> =>
  new Promise((resolve) => {
    heard = () => events.length >= n && resolve()
    heard()
  })

/** Notes what it is asked and says `answer`. */
const handler =
  (by: string): HttpHandler =>
  async (event) => {
    events.push({ by, event })
    heard()
    await waits(event.rawPath)
    return answer
  }

beforeEach(async () => {
  events = []
  waits = () => undefined
  heard = () => {}
  answer = { statusCode: 200, headers: { 'content-type': 'application/json' }, body: '{"fine":true}' }
  front = await startFront({
    api: handler('api'),
    approval: handler('approval'),
    chat,
    callers: [DEVELOPER],
    secret: 'secret',
    context: (name) => ({ functionName: name }) as Context,
    port: 0,
  })
})
afterEach(() => front.close())

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}
/**
 * By node:http, because fetch does not let a Host or an Origin be set. Each on a connection of its own: one that goes
 * back to the agent while a refused body is still being written has nobody who hears that the server cut it.
 */
function ask(p: Asked = {}): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  const { path = '/v1/pools', method = 'GET', body } = p
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...p.headers }
    const request = httpRequest(new URL(path, front.url), { method, headers, agent: false }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
    })
    request.on('error', reject)
    request.end(body)
  })
}
async function problem(p: Asked) {
  const { status, headers, text } = await ask(p)
  expect(headers['content-type']).toBe('application/problem+json')
  const { code, detail, remedy } = JSON.parse(text)
  return { status, code, detail, remedy }
}
const host = () => new URL(front.url).host
const port = () => new URL(front.url).port

describe('a request of ours', () => {
  test("reaches the function as API Gateway's event, with the caller's role in place of the token", async () => {
    const { status, text } = await ask({
      method: 'POST',
      path: '/v1/jobs?a=1&b=%20x',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
      body: '{"kind":"é"}',
    })
    expect({ status, text }).toEqual({ status: 200, text: '{"fine":true}' })
    expect(events).toEqual([{ by: 'api', event: expect.anything() }])
    const event = events[0]?.event
    expect(event).toMatchObject({
      version: '2.0',
      rawPath: '/v1/jobs',
      rawQueryString: 'a=1&b=%20x',
      queryStringParameters: { a: '1', b: ' x' },
      body: '{"kind":"é"}',
      isBase64Encoded: false,
      requestContext: { http: { method: 'POST' }, authorizer: { iam: { userArn: DEVELOPER.role } } },
    })
    expect(event?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': 'k' })
    expect(event?.headers).not.toHaveProperty('authorization')
  })

  test('on reviews goes to the approval function', async () => {
    await ask({ path: '/v1/reviews' })
    await ask({ path: '/v1/reviews/x/approve', method: 'POST' })
    await ask({ path: '/v1/jobs' })
    expect(events.map((e) => e.by)).toEqual(['approval', 'approval', 'api'])
  })

  test("gets the function's status, headers and bytes", async () => {
    const body = Buffer.from('é').toString('base64')
    answer = { statusCode: 202, headers: { location: '/v1/jobs/x' }, body, isBase64Encoded: true }
    expect(await ask()).toMatchObject({ status: 202, headers: { location: '/v1/jobs/x' }, text: 'é' })
    answer = { statusCode: 304, headers: {} }
    expect(await ask()).toMatchObject({ status: 304, text: '' })
  })

  test('may name this server as localhost, and come from a page that this server sent', async () => {
    const headers = { host: `localhost:${port()}`, origin: `http://127.0.0.1:${port()}` }
    expect((await ask({ headers })).status).toBe(200)
  })
})

describe('what no web page may do', () => {
  const foreign = (header: string) => ({
    status: 403,
    code: 'owner-not-yours',
    detail: `The header ${header} is not of this server.`,
    remedy: `Ask ${host()} directly.`,
  })

  test.each(['evil.example.com', 'evil.example.com:4100', '127.0.0.1:1', '127.0.0.1', 'localhost', '[::1]:4100'])(
    'a request for the host %s is refused',
    async (name) => {
      expect(await problem({ headers: { host: name } })).toEqual(foreign('Host'))
      expect(events).toEqual([])
    },
  )

  test('a request from another origin is refused, also with a good token, also for the health', async () => {
    const origins = ['https://evil.example.com', 'null', 'http://127.0.0.1:1', `https://127.0.0.1:${port()}`]
    for (const origin of origins) {
      expect(await problem({ headers: { origin } })).toEqual(foreign('Origin'))
      expect(await problem({ headers: { origin }, path: '/health' })).toEqual(foreign('Origin'))
    }
    expect(events).toEqual([])
  })

  test('nothing in an answer invites another origin', async () => {
    const preflight = { method: 'OPTIONS', headers: { origin: 'https://evil.example.com' } }
    expect((await ask(preflight)).headers).not.toHaveProperty('access-control-allow-origin')
    expect((await ask()).headers).not.toHaveProperty('access-control-allow-origin')
  })
})

describe('the token', () => {
  test.each([
    ['none', ''],
    ['a wrong one', `Bearer ${TOKEN.slice(0, -1)}0x`],
    ['one of another folder', `Bearer ${tokenFor('other', DEVELOPER.id)}`],
  ])('%s is 401, and says where the right one is', async (_, authorization) => {
    expect(await problem({ headers: { authorization } })).toEqual({
      status: 401,
      code: 'unauthenticated',
      detail: 'No valid token was sent.',
      remedy: 'Send Authorization: Bearer with the token that the start printed.',
    })
    expect(events).toEqual([])
  })

  test('is not needed for the health, which then has no caller', async () => {
    expect((await ask({ path: '/health', headers: { authorization: '' } })).status).toBe(200)
    expect(events[0]?.event.requestContext).not.toHaveProperty('authorizer')
  })

  test('is needed for what only begins like the health', async () => {
    for (const path of ['/health/', '/healthy', '/health/../v1/pools'])
      expect((await ask({ path, headers: { authorization: '' } })).status).toBe(401)
  })
})

describe('changes', () => {
  const PERMITS = '/v1/pools/main/permits'
  const post = (path: string) => ask({ method: 'POST', path, body: '{}' })
  /** Answers on that path wait until they are let go. */
  function held(path: string): () => void {
    let letGo = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    waits = (asked) => (asked === path ? held : undefined)
    return letGo
  }
  const asked = () => events.map(({ event }) => event.rawPath)

  test('are made while people wait for permits, several at once, the settle that they wait for among them', async () => {
    const grant = held(PERMITS)
    const waiting = Promise.all([post(`${PERMITS}?wait=25`), post(`${PERMITS}?wait=25`), post(`${PERMITS}?wait=25`)])
    await eventsCame(3)
    for (const path of [`${PERMITS}/x/settle`, `${PERMITS}/x/release`, '/v1/jobs', '/v1/jobs/x/cancel'])
      expect((await post(path)).status).toBe(200)
    grant()
    expect((await waiting).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  test('wait for no other whose body is not there yet', async () => {
    const stalled = connect(Number(port()), '127.0.0.1')
    const head = `POST /v1/jobs HTTP/1.1\r\nhost: ${host()}\r\nauthorization: Bearer ${TOKEN}\r\n`
    await new Promise<void>((sent) => stalled.write(`${head}content-length: 9\r\n\r\n{`, () => sent()))
    expect((await ask({ method: 'POST', path: '/v1/jobs', body: '{}' })).status).toBe(200)
    expect(events).toHaveLength(1)
    stalled.destroy()
  })

  test('of all else are made one at a time, and what is read waits for none', async () => {
    const done = held('/v1/jobs')
    const submits = [post('/v1/jobs'), post('/v1/jobs')]
    await eventsCame(1)
    expect((await ask({ path: '/v1/pools' })).status).toBe(200)
    expect(asked()).toEqual(['/v1/jobs', '/v1/pools'])
    done()
    await Promise.all(submits)
    expect(asked()).toEqual(['/v1/jobs', '/v1/pools', '/v1/jobs'])
  })
})

test('a body of the largest size passes, and one byte more is refused', async () => {
  const post = (bytes: number) => ask({ method: 'POST', path: '/v1/jobs', body: 'x'.repeat(bytes) })
  expect((await post(BODY_BYTES_AT_MOST)).status).toBe(200)
  expect(await post(BODY_BYTES_AT_MOST + 1)).toMatchObject({ status: 413 })
  expect(events).toHaveLength(1)
})

describe('a body that is too long is refused', () => {
  /** What is answered to the headers and to what has been sent of the body, which goes on for ever. */
  const answerTo = (headers: Record<string, string>, sent: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const init = { method: 'POST', agent: false, headers: { authorization: `Bearer ${TOKEN}`, ...headers } }
      const request = httpRequest(new URL('/v1/jobs', front.url), init, (response) => {
        resolve(response.statusCode)
        request.destroy()
      })
      request.on('error', reject)
      request.flushHeaders()
      if (sent !== '') request.write(sent)
    })

  test('before any of it has come, where its length is told', async () => {
    expect(await answerTo({ 'content-length': String(BODY_BYTES_AT_MOST + 1) }, '')).toBe(413)
    expect(events).toEqual([])
  })

  test('as soon as too much of it has come, where it is not', async () => {
    expect(await answerTo({ 'transfer-encoding': 'chunked' }, 'x'.repeat(BODY_BYTES_AT_MOST + 1))).toBe(413)
    expect(events).toEqual([])
  })
})

test('a body that comes in chunks is the same as one whose length is told', async () => {
  const headers = { 'transfer-encoding': 'chunked' }
  await ask({ method: 'POST', path: '/v1/jobs', headers, body: '{"kind":"é"}' })
  expect(events[0]?.event.body).toBe('{"kind":"é"}')
})

test('it listens on 127.0.0.1 and on no other address of this machine', async () => {
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, scopeid }) => address !== '127.0.0.1' && !scopeid)
    .map(({ address }) => address)
  const answers = await Promise.all(['127.0.0.1', ...others].map((address) => connects(address)))
  expect(answers).toEqual([true, ...others.map(() => false)])
})

const connects = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(port()) })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

describe('a call that is passed through', () => {
  const COMPLETIONS = '/v1/chat/completions'
  const post = { method: 'POST', path: COMPLETIONS, body: '{"a":1}' }

  test('reaches its app with the body, the headers but the token, and the role of the caller', async () => {
    chatting = async (request) =>
      Response.json({ sent: await request.json(), key: request.headers.get('authorization') })
    const headers = { 'content-type': 'application/json', 'x-fairlead-wait-s': '3' }
    expect(JSON.parse((await ask({ ...post, headers })).text)).toEqual({ sent: { a: 1 }, key: null })
    expect(events[0]).toMatchObject({
      by: 'chat',
      event: { requestContext: { authorizer: { iam: { userArn: DEVELOPER.role } } } },
    })
    chatting = () => Response.json({ object: 'list' })
    expect((await ask({ path: '/v1/models' })).status).toBe(200)
  })

  test('is answered as it comes, and holds no other change up', async () => {
    let say = (_: string) => {}
    let end = () => {}
    chatting = () => {
      const body = new ReadableStream({
        start(controller) {
          say = (text) => controller.enqueue(new TextEncoder().encode(text))
          end = () => controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
    const headers = { authorization: `Bearer ${TOKEN}` }
    const response = await fetch(new URL(COMPLETIONS, front.url), { method: 'POST', headers, body: '{}' })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    say('first')
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('first')
    expect((await ask({ method: 'POST', path: '/v1/jobs', body: '{}' })).status).toBe(200)
    end()
    expect((await reader.read()).done).toBe(true)
  })

  test('whose client goes away is told so, and its answer cancelled', async () => {
    const told: string[] = []
    const both = new Promise<void>((resolve) => {
      const tell = (what: string) => told.push(what) === 2 && resolve()
      chatting = (request) => {
        request.signal.addEventListener('abort', () => tell('gone'))
        const start = (controller: ReadableStreamDefaultController) =>
          controller.enqueue(new TextEncoder().encode('first'))
        return new Response(new ReadableStream({ start, cancel: () => void tell('cancelled') }))
      }
    })
    const leaving = new AbortController()
    const headers = { authorization: `Bearer ${TOKEN}` }
    const init = { method: 'POST', headers, body: '{}', signal: leaving.signal }
    const response = await fetch(new URL(COMPLETIONS, front.url), init)
    await (response.body as ReadableStream).getReader().read()
    leaving.abort()
    await both
    expect(told.sort()).toEqual(['cancelled', 'gone'])
  })

  test('is refused in the shape that its clients read', async () => {
    const large = { ...post, body: 'x'.repeat(BODY_BYTES_AT_MOST + 1) }
    for (const [asked, status, code, type] of [
      [{ ...post, headers: { authorization: 'Bearer sk-other' } }, 401, 'unauthenticated', 'authentication_error'],
      [{ ...post, headers: { origin: 'https://evil.example.com' } }, 403, 'owner-not-yours', 'permission_error'],
      [large, 413, 'too-large', 'invalid_request_error'],
    ] as const) {
      const answer = await ask(asked)
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.text)).toEqual({ error: { code, type, param: null, message: expect.any(String) } })
    }
    expect(events).toEqual([])
  })
})

test('a port that is taken is an error with its code', async () => {
  const parts = { api: handler('api'), approval: handler('approval'), chat, callers: [], secret: 's' }
  const again = startFront({ ...parts, context: () => ({}) as Context, port: Number(port()) })
  await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
