import type { Json } from '../kernel/canonical.ts'
import { Tenant, type TenantRow } from './entity.ts'

const shown = Tenant.columns.map(({ field }) => field).filter((field) => field !== 'id' && !Tenant.secret.has(field))

/** What a change of a tenant was, for its audit log: what differs, as it was and as it became. Nothing was before a creation. No secret is in it. */
export function historyOf(before: TenantRow | null, after: TenantRow): { before: Json; after: Json } {
  const was = before as Record<string, Json> | null
  const is = after as unknown as Record<string, Json>
  const fields = was === null ? shown.filter((field) => is[field] != null) : shown.filter((field) => was[field] !== is[field])
  const pick = (row: Record<string, Json>): Json => Object.fromEntries(fields.map((field) => [field, row[field] ?? null]))
  return { before: was === null ? null : pick(was), after: pick(is) }
}
