import { z } from 'zod'
import { patched, update } from '../kernel/change.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { parse } from '../kernel/perform.ts'
import { platformTenant } from '../storage/port.ts'
import { secretPlace, Tenant, type TenantRow } from './entity.ts'
import { findCompany } from './find-company.ts'
import { historyOf } from './history.ts'
import { clientSecret, contactPhone, labels, moment } from './input.ts'

const licence = { validFrom: moment, validTo: moment, isActive: z.boolean() }
const { accountName, companyName, contactCompanyName, contactFullName, contactEmailAddress, clientId, cluster } = labels
const changes = z
  .strictObject({
    accountName,
    companyName,
    contactCompanyName,
    contactFullName,
    contactPhone: contactPhone.nullable(),
    contactEmailAddress,
    cluster,
    clientId,
    ...licence,
  })
  .partial()

const target = { tenantId: z.string(), /** What `If-Match` says, or null. */ ifMatch: z.string().nullable() }

/** One change of a tenant at a time in this process: it spares lost races. */
const serial = async (_context: Context, { tenantId }: { tenantId: string }) => ({ key: `tenant ${tenantId}`, width: 1 })

/**
 * Changes a tenant's attributes; staff alone its licence. Whatever others change at the same time is kept, unless `If-Match` names the version that was seen.
 * Errors: `tenant_not_found`, `forbidden`, `validation_failed`, `tenant_changed`.
 */
export const updateCompany = operation({
  name: 'company.update',
  summary: 'Change a tenant’s attributes, or, for staff, its licence',
  needs: 'tenant:rename',
  elsewhere: true,
  serial,
  input: z.strictObject({ ...target, fields: z.record(z.string(), z.unknown()) }),
  output: Tenant.public,
  async run(context, { tenantId, ifMatch, fields }) {
    const before = await findCompany(context, tenantId)
    if (context.actor.tenantId !== platformTenant && Object.keys(licence).some((field) => field in fields))
      throw new AppError('forbidden', 'forbidden', 'Only platform staff may change a licence.')
    const given = Object.fromEntries(Object.entries(parsed(fields)).filter(([, value]) => value !== undefined)) as Partial<TenantRow>
    const followsCompany = given.companyName != null && (before.companyName === null || before.name === before.companyName)
    const patch = { ...given, ...(followsCompany ? { name: given.companyName as string } : {}) }
    const after = patched(Tenant, before, patch, context.now)
    if (after.validFrom !== null && after.validTo !== null && after.validTo < after.validFrom)
      throw invalid('validTo', 'must not lie before validFrom')
    assertSeen(before, ifMatch)
    return written(context, before, after, 'tenant.update')
  },
})

/** Puts a new client secret in the place of the old one, which is gone with this very commit. */
export const rotateSecret = operation({
  name: 'company.rotate-secret',
  summary: 'Replace a tenant’s client secret',
  needs: 'tenant:rotate-secret',
  elsewhere: true,
  serial,
  input: z.strictObject({ ...target, fields: z.record(z.string(), z.unknown()) }),
  output: Tenant.public,
  async run(context, { tenantId, ifMatch, fields }) {
    const before = await findCompany(context, tenantId)
    const { clientSecret: secret } = parse(z.strictObject({ clientSecret }), fields)
    assertSeen(before, ifMatch)
    const sealed = context.services.sealer.seal(secret, secretPlace(before.id))
    const patch = { clientSecret: sealed, secretVersion: (before.secretVersion ?? 0) + 1 }
    return written(context, before, patched(Tenant, before, patch, context.now), 'tenant.rotate-secret')
  },
})

function written(context: Context, before: TenantRow, after: TenantRow, action: string) {
  return {
    output: after,
    changes: [update(Tenant, before, after)],
    store: context.runtime.storage.tenant(before.id),
    action,
    entity: { type: Tenant.name, id: before.id },
    detail: historyOf(before, after),
  }
}

function parsed(fields: Record<string, unknown>): z.output<typeof changes> {
  if (Object.keys(fields).length === 0) throw invalid('', 'names nothing to change')
  if ('clientSecret' in fields) throw invalid('clientSecret', 'is changed at PUT /fsm/tenant/{tenantId}/secret')
  return parse(changes, fields)
}

const invalid = (field: string, message: string) =>
  new AppError('unprocessable', 'validation_failed', `${field || 'The body'}: ${message}`, { errors: [{ field, message }] })

/** RFC 9110, section 13.1.1: `*`, or a list of strong entity tags. */
function assertSeen({ version }: TenantRow, ifMatch: string | null): void {
  if (ifMatch === null || ifMatch.trim() === '*') return
  const tags = ifMatch.split(',').map((tag) => tag.trim())
  if (!tags.includes(`"${version}"`)) throw new AppError('stale', 'tenant_changed', 'Tenant was changed')
}
