import { z } from 'zod'
import { AppError, type ErrorKind } from '../kernel/errors.ts'
import type { Route, Surface } from './route.ts'

type Refusal = readonly [kind: ErrorKind, ...codes: string[]]

/** What the frame itself may refuse on the way to an operation; what only the operation knows stands in its `conflicts` and in the route's `problems`. */
function refusals(surface: Surface, { method, path, operation, options }: Route): Refusal[] {
  const isPublic = operation.needs === 'public'
  const takesBody = method !== 'GET'
  const writes = operation.readOnly !== true
  const found: Refusal[] = [
    ['invalid', 'bad_request'],
    ['unprocessable', 'validation_failed'],
    ['internal', 'internal'],
    ['unavailable', 'starting', 'stopping', 'busy'],
  ]
  if (takesBody)
    found.push(['invalid', 'malformed_json', 'bad_json'], ['too_large', 'body_too_large'], ['media_type', 'unsupported_media_type'])
  if (!isPublic) found.push(['unauthenticated', 'unauthenticated', 'invalid_token'], ['forbidden', 'forbidden'])
  if (!isPublic && operation.always !== true) found.push(['forbidden', 'password_change_required', 'tenant_inactive', 'tenant_expired'])
  // a credential may come along all the same, and is looked at
  if (isPublic && surface.knowsCallers === true)
    found.push(['unauthenticated', 'invalid_token'], ['forbidden', 'tenant_inactive', 'tenant_expired'], ['limited', 'rate_limited'])
  if (!isPublic && options.unlimited !== true) found.push(['limited', 'rate_limited'])
  // staff name the tenant that they mean
  const namesTenant = operation.input instanceof z.ZodObject && 'tenantId' in operation.input.shape
  if (path.includes(':') || namesTenant) found.push(['not_found', 'not_found'])
  if (writes) found.push(['conflict', 'version_conflict', ...Object.values(operation.conflicts ?? {}).map(([code]) => code)])
  if (writes && options.notIdempotent !== true) found.push(['unprocessable', 'idempotency_mismatch', 'idempotency_key_invalid'])
  // a read may commit too: an entry for a denial, or for what was read
  if (writes || !isPublic) found.push(['no_space', 'no_space'], ['unavailable', 'storage_failed'])
  return found
}

/** The statuses that a route may refuse with, as its surface shows them, each with its codes. */
export function refusedStatuses(surface: Surface, route: Route): Map<number, string[]> {
  const statuses = new Map<number, Set<string>>()
  const note = (status: number, code: string) => statuses.set(status, (statuses.get(status) ?? new Set()).add(code))
  const asked = { method: route.method, path: route.path, operation: route.operation.name, role: null }
  for (const [kind, ...codes] of refusals(surface, route))
    for (const code of codes) {
      const shown = surface.problem(new AppError(kind, code, ''), asked)
      note(shown.status, shown.code ?? code)
    }
  for (const [status, codes] of Object.entries(route.options.problems ?? {})) for (const code of codes) note(Number(status), code)
  return new Map([...statuses].sort(([a], [b]) => a - b).map(([status, codes]) => [status, [...codes]]))
}
