import type { z } from 'zod'
import { statusOf } from '../kernel/errors.ts'
import { describeRoute } from './openapi-operation.ts'
import { createSchemas } from './openapi-schema.ts'
import type { JsonSchema, OpenApi } from './openapi-types.ts'
import type { Route, Surface } from './route.ts'

type Described = {
  version: string
  surfaces: readonly Surface[] /** Schemas that stand once, under these names. */
  named: Readonly<Record<string, z.ZodType>>
}

/** The API description (OpenAPI 3.1) of every route of these surfaces, derived from their tables and operations: nothing of it is written twice. */
export function describeApi({ version, surfaces, named }: Described): OpenApi {
  const schemas = createSchemas(named)
  const paths: OpenApi['paths'] = {}
  const tags = new Set<string>()
  const taken = new Set<string>()
  for (const surface of surfaces)
    for (const route of surface.routes) {
      const path = templateOf(route.path)
      const tag = tagOf(surface, route)
      tags.add(tag)
      const operationId = idOf(surface, route, taken)
      paths[path] = {
        ...paths[path],
        [route.method.toLowerCase()]: { operationId, tags: [tag], ...describeRoute(surface, route, schemas) },
      }
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version,
      description:
        'The accounts-and-records backend that never loses anyone. A 2xx to a request that writes is sent only after the write is durable; `Holdfast-Commit` says where it stands in the log. Every error is `application/problem+json` (RFC 9457); its `type` leads to what it means and what to do.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...tags].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema, ...sorted(schemas.components) },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The `accessToken` of a sign-in.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-Api-Key', description: 'The key of a machine.' },
      },
      parameters,
      headers,
      examples: sorted(schemas.examples),
    },
  }
}

/** `/users/:id` → `/users/{id}`. */
export const templateOf = (path: string): string => path.replace(/:(\w+)/g, '{$1}')

/** Our own routes go without their surface's name. */
const prefixOf = ({ name }: Surface): string => (name === 'v1' || name === 'door' ? '' : `${name} `)

const tagOf = (surface: Surface, { operation }: Route): string => `${prefixOf(surface)}${operation.name.split('.')[0]}`

/** `user.create` of v1 → `userCreate`; other surfaces' begin with their name. A second route of an operation is told apart by the end of its path. */
function idOf(surface: Surface, { operation, path }: Route, taken: Set<string>): string {
  const base = camel(`${prefixOf(surface)}${operation.name}`)
  const id = taken.has(base) ? camel(`${base}-${path.split('/').findLast((part) => part !== '' && !part.startsWith(':'))}`) : base
  if (taken.has(id)) throw new Error(`two routes would be called ${id}`)
  taken.add(id)
  return id
}

const camel = (name: string): string => name.replace(/[^A-Za-z0-9]+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const sorted = (record: Record<string, JsonSchema>) => Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))

const text = { type: 'string' }

const problemSchema: JsonSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId', 'error', 'message'],
  properties: {
    type: { ...text, description: 'Where the code is explained, relative to this server.' },
    title: text,
    status: { type: 'integer', enum: [...new Set(Object.values(statusOf))] },
    detail: { ...text, description: 'One plain sentence.' },
    code: { ...text, description: 'Stable. What programs decide by.' },
    errors: {
      type: 'array',
      description: 'One entry per invalid field.',
      items: { type: 'object', required: ['field', 'message'], properties: { field: text, message: text } },
    },
    requestId: text,
    error: { ...text, description: 'The title again, for older clients.' },
    message: { ...text, description: 'The detail again, for older clients.' },
  },
}

const parameters: Record<string, JsonSchema> = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Makes a retry safe: the same key with the same body gets the first answer again, for 24 hours, and nothing happens twice.',
    schema: { ...text, pattern: '^[!-~]{1,255}$' },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'The ETag of the row that was read, `"<version>"`; or send `version` in the body.',
    schema: { ...text, pattern: '^"\\d{1,15}"$' },
  },
}

const shown = (description: string, schema: JsonSchema = text): JsonSchema => ({ description, schema })

const headers: Record<string, JsonSchema> = {
  'X-Request-Id': shown('Made by the server; the same in the problem, the log and the audit.'),
  'Holdfast-Commit': shown('`<stream>/<sequence>`: where this write stands in the log. Absent when nothing was written.'),
  'Holdfast-Durability': shown('What the write survived: a comma list of `fsync`, `replicated`, `backed-up`.'),
  'Idempotency-Replayed': shown('`true` when this is the first answer again.', { ...text, const: 'true' }),
  ETag: shown('`"<version>"` of the row.'),
  Location: shown('Address of what was made.'),
  'Retry-After': shown('Seconds after which a retry makes sense.', { type: 'integer', minimum: 1 }),
  'WWW-Authenticate': shown('`Bearer`.'),
}
