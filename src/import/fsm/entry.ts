import { z } from 'zod'
import type { Company } from '../../tenant/create-company.ts'
import { clientSecret, contactPhone, ids, isMissing, isUnknownContext, keyOf, labels, moment } from '../../tenant/input.ts'

export type Entry = { key: string; value?: unknown }

export type Invalid = {
  outcome: 'invalid'
  code: 'BAD_JSON' | 'KEY_MISMATCH' | 'UNKNOWN_CONTEXT' | 'MISSING_FIELDS' | 'BAD_VALUE'
  message: string
}

/** A tenant as a browser kept it, checked. */
export type Kept = { key: string; company: Company; createdAt: string }

/** What the keys of tenants begin with. */
export const tenantPrefix = 'fsm_tenant_'

const needed = [
  'accountId',
  'companyId',
  'accountName',
  'companyName',
  'contactCompanyName',
  'contactFullName',
  'contactEmailAddress',
  'clientId',
  'clientSecret',
  'validFrom',
  'validTo',
  'createdAt',
  'isActive',
]

// what else an old page kept in it is not ours
const stored = z.object({
  ...ids,
  ...labels,
  // browsers did not always know it
  cluster: labels.cluster.nullish(),
  contactPhone: contactPhone.nullish(),
  clientSecret,
  validFrom: moment,
  validTo: moment,
  createdAt: moment,
  updatedAt: moment.nullish(),
  isActive: z.boolean(),
})

const invalid = (code: Invalid['code'], message: string): Invalid => ({ outcome: 'invalid', code, message })

/** Whether an entry is about a tenant at all. */
export const isTenantKey = (key: string): boolean => key.startsWith(tenantPrefix)

/** Reads one entry of a browser's storage (contracts/fsm.md, section 6). Messages name attributes, never their values. */
export function readEntry({ key, value }: Entry): Kept | Invalid {
  const object = objectOf(value)
  if (object === null) return invalid('BAD_JSON', 'The value is not a JSON object.')
  const missing = needed.filter((field) => isMissing(object[field]))
  const { accountId, companyId } = object
  if (missing.includes('accountId') || missing.includes('companyId')) return withoutFields(missing)
  if (key !== `${tenantPrefix}${String(accountId)}_${String(companyId)}`)
    return invalid('KEY_MISMATCH', 'The key does not name the accountId and companyId of its value.')
  if (isUnknownContext(accountId) || isUnknownContext(companyId)) return invalid('UNKNOWN_CONTEXT', 'An id is "unknown".')
  if (missing.length > 0) return withoutFields(missing)
  const parsed = stored.safeParse(object)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return invalid('BAD_VALUE', problems.join('; '))
  }
  const { createdAt, updatedAt: _, contactPhone: phone, cluster, ...fields } = parsed.data
  if (fields.validTo < fields.validFrom) return invalid('BAD_VALUE', 'validTo: must not lie before validFrom')
  return { key: keyOf(fields), createdAt, company: { ...fields, contactPhone: phone ?? null, cluster: cluster ?? null } }
}

const withoutFields = (missing: readonly string[]) => invalid('MISSING_FIELDS', `Missing: ${missing.join(', ')}`)

function objectOf(value: unknown): Record<string, unknown> | null {
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}
