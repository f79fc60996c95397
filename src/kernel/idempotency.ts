import { z } from 'zod'
import { sha256 } from './canonical.ts'
import { type Change, create, insert, patched, update } from './change.ts'
import type { Principal } from './context.ts'
import { type Entity, entity } from './entity.ts'
import { AppError } from './errors.ts'
import type { Sealer } from './services.ts'

/** The first answer to an `Idempotency-Key`, stored in the commit it answers for (native-api.md section 1). The body is sealed: answers may hold tokens. */
export const Idempotency = entity('idempotency', {
  table: 'idempotency_keys',
  id: 'text',
  transient: true,
  fields: { requestDigest: z.string(), status: z.int(), body: z.string(), expiresAt: z.iso.datetime({ precision: 3 }) },
  secret: ['body'],
  sealed: ['body'],
  indexes: { byExpiry: ['expiresAt'] },
  /** For operations that write into a tenant that did not exist when they were called. */
  directory: { byId: { fields: ['id'] } },
})

export type IdempotencyCall = { key: string; method: string; path: string; bodyDigest: string }
/** An answer in its wire form. `headers` are those that belong to it, such as `Location`. */
export type StoredReply = { status: number; body: string; headers?: Record<string, string | string[]> }

export const keptMs = 24 * 60 * 60 * 1000

/** Bound to tenant, actor, method and path, so that no one meets another's answer. */
export const idempotencyId = (actor: Principal, call: IdempotencyCall): string =>
  sha256(JSON.stringify([actor.tenantId, actor.kind, actor.id, call.method, call.path, call.key]))

export const isExpired = ({ expiresAt }: { expiresAt: string }, realMs: number): boolean => Date.parse(expiresAt) <= realMs

export const mismatch = () =>
  new AppError(
    'unprocessable',
    'idempotency_mismatch',
    'This Idempotency-Key was used with another request. Use a new key for a new request.',
  )

/** The stored first answer, or null when the key is free. Errors: `idempotency_mismatch`. */
export function replayOf(
  row: Entity<typeof Idempotency> | null,
  call: IdempotencyCall,
  at: { tenant: string; sealer: Sealer; realMs: number },
): StoredReply | null {
  if (row === null || isExpired(row, at.realMs)) return null
  if (row.requestDigest !== call.bodyDigest) throw mismatch()
  const kept = JSON.parse(at.sealer.open(row.body, placeOf(at.tenant, row.id))) as Omit<StoredReply, 'status'>
  return { ...kept, status: row.status }
}

const placeOf = (tenant: string, id: string) => ({ tenant, entity: Idempotency.name, id, field: 'body' })

type Keep = { id: string; call: IdempotencyCall; reply: StoredReply; before: Entity<typeof Idempotency> | null }

/** The change that keeps this answer for 24 hours, in place of an expired one. */
export function keepReply(tenantId: string, { id, call, reply, before }: Keep, sealer: Sealer, realMs: number): Change {
  const now = new Date(realMs).toISOString()
  const fields = {
    requestDigest: call.bodyDigest,
    status: reply.status,
    body: sealer.seal(JSON.stringify({ body: reply.body, headers: reply.headers ?? {} }), placeOf(tenantId, id)),
    expiresAt: new Date(realMs + keptMs).toISOString(),
  }
  if (before !== null) return update(Idempotency, before, patched(Idempotency, before, fields, now))
  return insert(Idempotency, create(Idempotency, id, fields, now))
}
