/** The OpenAPI 3.1 document from the schemas that validate requests. `npm run openapi` writes lambdas/shared/openapi.json. */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { createDocument } from 'zod-openapi'
import { JOBS_PATHS } from './openapi/jobs.ts'
import { PEOPLE_PATHS } from './openapi/people.ts'
import { POOLS_PATHS } from './openapi/pools.ts'
import { REVIEWS_PATHS } from './openapi/reviews.ts'

export const openApiDocument = () =>
  createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Fairlead',
      version: '1',
      description: 'A fair, durable queue for LLM work under a shared rate limit.',
    },
    paths: { ...JOBS_PATHS, ...POOLS_PATHS, ...PEOPLE_PATHS, ...REVIEWS_PATHS },
  })

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(
    new URL('../lambdas/shared/openapi.json', import.meta.url),
    `${JSON.stringify(openApiDocument(), null, 2)}\n`,
  )
