import { z } from 'zod'
import type { Route, WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'

/** Fields by which clients say who acts; only ever the caller (contracts/prework.md section 1). */
const actorFields = ['createdBy', 'updatedBy', 'deactivatedBy', 'assignedBy', 'invitedBy', 'uploadedBy', 'revokedBy'] as const

/** The body as an object. Errors: `validation_failed` for any other. */
export function bodyOf({ body }: WireRequest): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new AppError('unprocessable', 'validation_failed', 'The body must be a JSON object.', {
    errors: [{ field: '', message: 'must be an object' }],
  })
}

/** What a request says of organization and actor, and what is left of its body. `alsoActor` names further fields that mean the caller. */
export function asked(
  request: WireRequest,
  alsoActor: readonly string[] = [],
): { where: Record<string, unknown>; fields: Record<string, unknown> } {
  const body = request.method === 'GET' ? {} : bodyOf(request)
  const { organizationId, ...rest } = body
  const actors: { field: string; id: unknown }[] = []
  for (const field of [...actorFields, ...alsoActor]) {
    const given = rest[field] ?? request.query[field]
    if (given !== undefined) actors.push({ field, id: given })
    delete rest[field]
  }
  const inQuery = request.query.organizationId
  const organization =
    organizationId !== undefined && organizationId !== null
      ? { id: String(organizationId), from: 'body' }
      : inQuery === undefined
        ? null
        : { id: inQuery, from: 'query' }
  return { where: { organization, actors }, fields: rest }
}

/** Without what was not sent, so that defaults hold. */
export const defined = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

export const pageOf = ({ query }: WireRequest): Record<string, unknown> => defined({ limit: query.limit, cursor: query.cursor })

/** An operation's input: organization and actor, the fields of the body, and those of the path. */
export const bodyInput =
  (...params: readonly string[]) =>
  (request: WireRequest): unknown => {
    const { where, fields } = asked(request)
    return { ...fields, ...Object.fromEntries(params.map((name) => [name, request.params[name]])), ...where }
  }

/** The same of a read: organization, page, path, and these of the query. */
export const queryInput =
  (params: readonly string[], queries: readonly string[] = []) =>
  (request: WireRequest): unknown => ({
    ...pageOf(request),
    ...Object.fromEntries(params.map((name) => [name, request.params[name]])),
    ...defined(Object.fromEntries(queries.map((name) => [name, request.query[name]]))),
    ...asked(request).where,
  })

/** An answer that says what was done, and no more. */
export const told = z.object({ message: z.string() })

/** What an operation found, and what was done. */
export const withMessage = <S extends z.ZodRawShape>({ output }: { output: z.ZodObject<S> }) => output.extend(told.shape)

/** A route with its body described as it is sent: the operation's fields but those of the path, and the organization by its id. */
export function withBody(route: Route): Route {
  const { method, path, operation, options } = route
  const input: unknown = operation.input
  const isKnown = method === 'GET' || method === 'DELETE' || options.requestSchema !== undefined || options.upload !== undefined
  if (isKnown || !(input instanceof z.ZodObject) || !('organization' in input.shape)) return route
  const elsewhere = ['organization', 'actors', ...path.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : []))]
  const fields = Object.entries(input.shape as z.ZodRawShape).filter(([name]) => !elsewhere.includes(name))
  const requestSchema = z.object({ ...Object.fromEntries(fields), organizationId: z.string().optional() })
  return { ...route, options: { ...options, requestSchema } }
}
