import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { isPeopleOnly, permissions, platformRoles, roles, scopeOf } from '../access/permissions.ts'
import { pageInput, pageLimit } from '../kernel/page.ts'
import { exampleOf } from './openapi-example.ts'
import { refusedStatuses } from './openapi-refusals.ts'
import { queryForm, type Schemas } from './openapi-schema.ts'
import type { JsonSchema, MediaTypes, OperationObject, Parameter, Reference, RequestBody, Response } from './openapi-types.ts'
import type { Route, Surface } from './route.ts'

type Described = Omit<OperationObject, 'operationId' | 'tags'>

/** One route as an operation of the description: what it takes, what it answers, and everything that it refuses. */
export function describeRoute(surface: Surface, route: Route, schemas: Schemas): Described {
  const { operation } = route
  const parts = inputOf(route, schemas)
  const parameters = [...parts.parameters, ...headersOf(route, parts.hasVersion)]
  return {
    summary: operation.summary,
    description: needsOf(surface, route),
    security: securityOf(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(parts.body === null ? {} : { requestBody: parts.body }),
    responses: responsesOf(surface, route, schemas),
  }
}

type Input = { parameters: Parameter[]; body: RequestBody | null; hasVersion: boolean }

/** Path, query and body of a request. A route without `input` of its own sends the operation's fields: those in the path there, the rest in the body, or, where there is none, in the query. */
function inputOf({ method, path, operation, options }: Route, schemas: Schemas): Input {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '')
  const isMapped = options.input !== undefined
  const object =
    operation.input instanceof z.ZodObject && !isMapped ? schemas.of(operation.input, 'input', operation.name) : { type: 'object' }
  const properties = (object.properties ?? {}) as Record<string, JsonSchema>
  const required = new Set((object.required ?? []) as string[])
  const rest = Object.entries(properties).filter(([name]) => !names.includes(name) && !isFunction(operation.input, name))
  const takesBody = method !== 'GET' && method !== 'DELETE'
  const hasVersion = takesBody && rest.some(([name]) => name === 'version')
  const inPath = names.map((name): Parameter => ({ name, in: 'path', required: true, schema: pathForm(properties[name]) }))
  const inQuery = (takesBody ? [] : rest).map(
    ([name, schema]): Parameter => ({ name, in: 'query', required: required.has(name), schema: parameterForm(name, schema) }),
  )
  const mapped = Object.entries(options.query ?? {}).map(
    ([name, description]): Parameter => ({ name, in: 'query', description, schema: { type: 'string' } }),
  )
  const fields = {
    ...object,
    properties: Object.fromEntries(rest),
    required: [...required].filter((name) => name !== 'version' && !names.includes(name)),
  }
  const schema = options.requestSchema === undefined ? withoutEmpty(fields) : schemas.of(options.requestSchema, 'input', operation.name)
  return {
    parameters: [...inPath, ...inQuery, ...mapped],
    hasVersion,
    body: takesBody ? (uploadOf(options) ?? bodyOf(schema, options.example?.request ?? exampleIn(schema, schemas, false))) : null,
  }
}

/** What a caller within the server may hand in, and no client can send. */
function isFunction(input: unknown, name: string): boolean {
  const member: unknown = input instanceof z.ZodObject ? input.shape[name] : undefined
  return (member instanceof z.ZodOptional ? member.unwrap() : member) instanceof z.ZodCustom
}

const pathForm = (schema: JsonSchema | undefined): JsonSchema => ({ type: 'string', minLength: 1, ...schema })

const parameterForm = (name: string, schema: JsonSchema): JsonSchema =>
  name in pageInput && name === 'limit'
    ? { type: 'integer', minimum: 1, maximum: pageLimit.max, default: pageLimit.default }
    : queryForm(schema)

function withoutEmpty(schema: JsonSchema): JsonSchema {
  const { required, ...rest } = schema
  return Array.isArray(required) && required.length > 0 ? schema : rest
}

function bodyOf(schema: JsonSchema, example: unknown): RequestBody {
  const isNeeded = Array.isArray(schema.required) && schema.required.length > 0
  return { required: isNeeded, content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } } }
}

/** What nobody wrote an example for gets one that is made from its schema. Of an object of which nothing is said there is none. */
const exampleIn = (schema: JsonSchema, schemas: Schemas, isWhole: boolean): unknown =>
  isOpaque(schema) ? undefined : exampleOf(schema, { isWhole, resolve: schemas.resolve })

const isOpaque = ({ type, properties, additionalProperties }: JsonSchema): boolean =>
  type === 'object' &&
  Object.keys(properties ?? {}).length === 0 &&
  (typeof additionalProperties !== 'object' || Object.keys(additionalProperties ?? {}).length === 0)

function uploadOf({ upload }: Route['options']): RequestBody | null {
  if (upload === undefined) return null
  const properties = { [upload.field]: { type: 'string', format: 'binary', description: upload.description } }
  return { required: true, content: { 'multipart/form-data': { schema: { type: 'object', required: [upload.field], properties } } } }
}

const parameter = (name: string): Reference => ({ $ref: `#/components/parameters/${name}` })

function headersOf({ method, operation, options }: Route, hasVersion: boolean): Reference[] {
  const isIdempotent = method !== 'GET' && operation.readOnly !== true && options.notIdempotent !== true
  return [...(isIdempotent ? [parameter('IdempotencyKey')] : []), ...(hasVersion ? [parameter('IfMatch')] : [])]
}

const securityOf = ({ operation: { needs } }: Route): Record<string, string[]>[] =>
  needs === 'public' ? [] : [{ bearer: [] }, ...(isPeopleOnly(needs) ? [] : [{ apiKey: [] }])]

/** Who may, and how far it reaches, from the one permission table. */
function needsOf(surface: Surface, { operation: { needs } }: Route): string {
  if (needs === 'public' || !(needs in permissions)) return 'Public.'
  const reach = [...roles, ...platformRoles].flatMap((role) => {
    const scope = scopeOf(role, needs, surface.name)
    return scope === null ? [] : [`${role} (${scope})`]
  })
  return `Needs \`${needs}\`: ${reach.join(', ')}.`
}

const header = (name: string): [string, Reference] => [name, { $ref: `#/components/headers/${name}` }]

function responsesOf(surface: Surface, route: Route, schemas: Schemas): Record<string, Response> {
  const responses: Record<string, Response> = { [String(route.options.status ?? 200)]: successOf(route, schemas) }
  if (route.options.dryStatus !== undefined) responses[String(route.options.dryStatus)] = successOf(route, schemas)
  for (const [status, codes] of refusedStatuses(surface, route)) {
    const special = status === 401 ? ['WWW-Authenticate'] : status === 429 || status === 503 ? ['Retry-After'] : []
    responses[String(status)] = {
      description: `${STATUS_CODES[status]}: ${codes.map((code) => `\`${code}\``).join(', ')}`,
      headers: Object.fromEntries(['X-Request-Id', ...special].map(header)),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(codes.map((code) => [code, schemas.problem(status, code)])),
        },
      },
    }
  }
  return responses
}

function successOf({ operation, options, method }: Route, schemas: Schemas): Response {
  const status = options.status ?? 200
  const shown = options.responseSchema ?? (options.reply === undefined ? operation.output : null)
  const schema = shown === null ? { type: 'object' } : schemas.of(shown, 'output', operation.name)
  const names = ['X-Request-Id']
  if (operation.readOnly !== true) names.push('Holdfast-Commit', 'Holdfast-Durability')
  if (operation.readOnly !== true && options.notIdempotent !== true && method !== 'GET') names.push('Idempotency-Replayed')
  if (operation.output instanceof z.ZodObject && operation.output.shape.version instanceof z.ZodNumber) names.push('ETag')
  if (status === 201 && options.headers !== undefined) names.push('Location')
  return {
    description: status === 204 ? 'Done.' : (STATUS_CODES[status] ?? 'Done.'),
    headers: Object.fromEntries(names.map(header)),
    ...(status === 204 ? {} : { content: contentOf(schema, options, schemas) }),
  }
}

function contentOf(schema: JsonSchema, { stream, responseType, example }: Route['options'], schemas: Schemas): MediaTypes {
  if (stream !== undefined) return { 'text/event-stream': { schema: { type: 'string' } } }
  if (responseType !== undefined) return { [responseType]: { schema: { type: 'string' } } }
  const shown = example?.response ?? exampleIn(schema, schemas, true)
  return { 'application/json': { schema, ...(shown === undefined ? {} : { example: shown }) } }
}
