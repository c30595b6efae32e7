/** The chat function: what people call through under OpenAI's protocol. It streams, and reaches no job. */
import type { Hono } from 'hono'
import { ChatBody } from '../core/chat.ts'
import { chat } from '../services/chat/chat.ts'
import { chatModels } from '../services/chat/pool.ts'
import type { ChatDeps } from '../services/deps.ts'
import { fromEnvironment } from './shared/compose.ts'
import { body, checked, type HttpContext, type HttpEnv, httpApp } from './shared/http.ts'
import { openAiError } from './shared/openai-error.ts'
import { ChatHeaders } from './shared/schemas.ts'
import { streamHandler } from './shared/stream-handler.ts'

export function chatApp(deps: ChatDeps): Hono<HttpEnv> {
  const app = httpApp(deps, openAiError)
  app.post('/v1/chat/completions', (c) => chatRoute(deps, c))
  app.get('/v1/models', (c) => {
    const listed = chatModels(deps, c.get('caller'))
    if (!listed.ok) return openAiError(c, listed)
    const data = listed.models.map(({ id, pool }) => ({ id, object: 'model' as const, created: 0, owned_by: pool }))
    return c.json({ object: 'list', data })
  })
  return app
}

async function chatRoute(deps: ChatDeps, c: HttpContext): Promise<Response> {
  const headers = checked(ChatHeaders, { 'x-fairlead-wait-s': c.req.header('x-fairlead-wait-s') }, 'header')
  if (!headers.ok) return openAiError(c, headers)
  const request = await body(c, ChatBody)
  if (!request.ok) return openAiError(c, request)
  const waitS = headers.value['x-fairlead-wait-s']
  const done = await chat(deps, c.get('caller'), { body: request.value, waitS, gone: c.req.raw.signal })
  if (!done.ok) return openAiError(c, done)
  const { call } = done
  return new Response(call.body, {
    headers: {
      ...call.headers,
      'content-type': call.contentType,
      'cache-control': 'no-store',
      'x-fairlead-permit': call.permit,
      'x-fairlead-pool': call.pool,
      'x-fairlead-waited-ms': String(call.waitedMs),
    },
  })
}

export const handler = streamHandler(chatApp, fromEnvironment)
