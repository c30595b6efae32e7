/** People: permits, and calls that are passed through. */
import { ChatBody } from '../../core/chat.ts'
import { ChatHeaders, IdempotencyHeader, PermitBody, UsageBody, WaitQuery } from '../../lambdas/shared/schemas.ts'
import {
  answers,
  inLine,
  json,
  located,
  openAiAnswers,
  permitPath,
  permitted,
  poolId,
  standing,
  takes,
} from './operations.ts'
import { Completion, Models, Permit, StateOf } from './shown.ts'

export const PEOPLE_PATHS = {
  '/v1/pools/{id}/permits': {
    post: {
      summary: 'Ask for a permit to call the provider yourself',
      requestParams: { path: poolId, header: IdempotencyHeader, query: WaitQuery },
      requestBody: takes(PermitBody),
      responses: {
        ...answers(201, Permit, 'Granted: call now', located),
        200: json(Permit, 'Closed: the call of this key has been made', located),
        202: json(Permit, 'In line: ask again at its Location, with ?wait=25', inLine),
      },
    },
  },
  '/v1/pools/{id}/permits/{permit}': {
    get: {
      summary: 'A permit, at once or as soon as it is granted',
      requestParams: { path: permitPath, query: WaitQuery },
      responses: answers(200, Permit, 'The permit', standing),
    },
  },
  '/v1/pools/{id}/permits/{permit}/settle': {
    post: {
      summary: 'The call is over: what it has used',
      requestParams: { path: permitPath },
      requestBody: takes(UsageBody),
      responses: answers(200, StateOf, 'Settled'),
    },
  },
  '/v1/pools/{id}/permits/{permit}/release': {
    post: {
      summary: 'Nothing was called: give the permit back, or leave the line',
      requestParams: { path: permitPath },
      responses: answers(200, StateOf, 'Given back'),
    },
  },
  '/v1/chat/completions': {
    post: {
      summary: 'Pass a call of a person through to its pool under a permit, as an OpenAI client sends it',
      requestParams: { header: ChatHeaders },
      requestBody: takes(ChatBody.meta({ id: 'ChatRequest' })),
      responses: openAiAnswers(Completion, 'What the provider answered', permitted),
    },
  },
  '/v1/models': {
    get: { summary: 'What may be called so', responses: openAiAnswers(Models, 'Models') },
  },
}
