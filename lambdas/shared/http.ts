/** The frame of every HTTP app: caller, JSON only, sizes, and errors as problem+json. Routes add no error handling. */
import { type Context, Hono } from 'hono'
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda'
import { routePath } from 'hono/route'
import type { z } from 'zod'
import { tellBroken } from '../../services/broken.ts'
import type { Caller } from '../../services/caller.ts'
import type { Deps } from '../../services/deps.ts'
import { type Refusal, refuse } from '../../services/refusal.ts'
import { callerOf } from './caller.ts'
import { problem, schemaRefusal } from './problems.ts'

export interface HttpEnv {
  Bindings: { event: LambdaEvent; lambdaContext: LambdaContext }
  Variables: { caller: Caller }
}
export type HttpContext = Context<HttpEnv>

export const BODY_BYTES_AT_MOST = 4 * 1024 * 1024

/** `say` writes what went wrong: as problem+json, unless an API of others' making has a shape of its own. */
export function httpApp(deps: Pick<Deps, 'settings' | 'meter' | 'log'>, say: typeof problem = problem): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  app.use(async (c, next) => {
    if (c.req.path === '/health') return next()
    const caller = callerOf(c.env.event, deps.settings.callers)
    if (!caller)
      return say(c, {
        code: 'unauthenticated',
        detail: 'No caller is known for these credentials.',
        remedy: "Add the role to the configuration's callers and deploy.",
      })
    c.set('caller', caller)
    return next()
  })
  app.notFound((c) =>
    say(c, {
      code: 'no-route',
      detail: `There is no ${c.req.method} ${c.req.path.slice(0, 100)}.`,
      remedy: 'GET /v1/openapi.json lists what there is.',
    }),
  )
  app.onError((error, c) => {
    tellBroken(deps, 'RequestsBroken', error, whereOf(c))
    return say(c, {
      code: 'internal',
      detail: 'Something broke here; nothing more is known.',
      remedy: 'Repeat the request, under the same Idempotency-Key where it has one.',
    })
  })
  return app
}

/** The id is the access log's; the route is as it is written, for what stands in a path is its caller's. */
export function whereOf(c: HttpContext): Record<string, string> {
  const { requestId } = (c.env.event.requestContext ?? {}) as { requestId?: string }
  return { route: `${c.req.method} ${routePath(c, -1)}`, ...(requestId === undefined ? {} : { requestId }) }
}

type Parsed<T> =
  | { ok: true; value: T }
  | Refusal
  | { ok: false; code: 'not-json' | 'malformed-json'; detail: string; remedy: string }

const JSON_TYPE = ['application/json']
/** RFC 7396. */
export const MERGE_PATCH = [...JSON_TYPE, 'application/merge-patch+json']

/** The body by its schema. An empty body reads as `{}` where the schema allows it. */
export async function body<T>(c: HttpContext, schema: z.ZodType<T>, types = JSON_TYPE): Promise<Parsed<T>> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  const text = await c.req.text()
  if (!types.includes(type ?? '') && (text !== '' || type !== undefined))
    return {
      ok: false,
      code: 'not-json',
      detail: `The body is ${type ?? 'of no type'}.`,
      remedy: 'Send JSON with Content-Type: application/json.',
    }
  if (Buffer.byteLength(text) > BODY_BYTES_AT_MOST)
    return refuse('too-large', `The body has more than ${BODY_BYTES_AT_MOST} bytes.`, 'Send less at once.')
  try {
    return checked(schema, text === '' ? {} : JSON.parse(text), 'body')
  } catch (error) {
    return {
      ok: false,
      code: 'malformed-json',
      detail: `The body is not JSON: ${(error as Error).message.slice(0, 120)}`,
      remedy: 'Mend it there.',
    }
  }
}

export function checked<T>(schema: z.ZodType<T>, raw: unknown, part: string): Parsed<T> {
  const parsed = schema.safeParse(raw)
  return parsed.success ? { ok: true, value: parsed.data } : schemaRefusal(parsed.error, part)
}
