import { z } from 'zod'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { pageInput, pageOf } from '../kernel/page.ts'
import { platformTenant } from '../storage/port.ts'
import { Tenant } from './entity.ts'
import { findCompany } from './find-company.ts'
import { isMissing, keyOf } from './input.ts'
import { daysOf, licenceProblem } from './licence.ts'
import { resolveTenant } from './resolve.ts'

const missingParameters = (names: string) => new AppError('invalid', 'missing_parameters', `Missing required parameters: ${names}`)

/** One tenant, for staff and for whom it is their own. Errors: `tenant_not_found` for absent and foreign alike. */
export const getCompany = operation({
  name: 'company.get',
  summary: 'Read a tenant',
  needs: 'tenant:read',
  readOnly: true,
  input: z.strictObject({ tenantId: z.string() }),
  output: Tenant.public,
  async run(context, { tenantId }) {
    return { output: await findCompany(context, tenantId) }
  },
})

/** The tenants of an account, in ascending order of their keys. Errors: `missing_parameters`, `bad_cursor`. */
export const listCompanies = operation({
  name: 'company.list',
  summary: 'List the tenants of an account',
  needs: 'tenant:list',
  readOnly: true,
  input: z.strictObject({ ...pageInput, accountId: z.string().optional() }),
  output: pageOf(Tenant.public),
  async run({ runtime }, { accountId = '', limit = 50, cursor }) {
    if (isMissing(accountId)) throw missingParameters('accountId')
    const page = await runtime.storage.platform().listAll(Tenant, 'byAccount', { where: [accountId], cursor: cursor ?? null, limit })
    return { output: { items: page.items.map(({ row }) => row), nextCursor: page.nextCursor } }
  },
})

/** What everyone may know of a licence. */
const outline = Tenant.public.pick({
  id: true,
  key: true,
  accountId: true,
  companyId: true,
  validFrom: true,
  validTo: true,
  isActive: true,
})

/**
 * Whether the tenant of exactly these two ids has a valid licence now (fsm.md section 4). `details` are for staff and the tenant's own, `outline` for everyone else.
 * Errors: `missing_parameters`; `licence_unreadable`; those of the store, which never look like "not found".
 */
export const validateLicence = operation({
  name: 'licence.validate',
  summary: 'Whether a tenant’s licence is valid',
  needs: 'public',
  always: true,
  readOnly: true,
  input: z.strictObject({ accountId: z.string().optional(), companyId: z.string().optional() }),
  output: z.object({
    error: z.enum(['NOT_FOUND', 'INACTIVE', 'EXPIRED']).nullable(),
    message: z.string(),
    details: Tenant.public.nullable(),
    outline: outline.nullable(),
    days: z.object({ daysUntilExpiry: z.int(), daysExpired: z.int() }).nullable(),
  }),
  async run(context, { accountId = '', companyId = '' }) {
    if (isMissing(accountId) || isMissing(companyId)) throw missingParameters('accountId, companyId')
    const tenant = await resolveTenant(context, keyOf({ accountId, companyId }))
    const nothing = { details: null, outline: null, days: null }
    // with the key and the account the company is the same too
    if (tenant === null || tenant.accountId !== accountId)
      return { output: { error: 'NOT_FOUND' as const, message: 'Tenant not found. Setup required.', ...nothing } }
    const problem = licenceProblem(tenant, context.nowMs)
    if (problem?.kind === 'internal') throw problem
    if (problem?.code === 'tenant_inactive') return { output: { error: 'INACTIVE' as const, message: problem.message, ...nothing } }
    const { actor } = context
    const isOwn = actor.kind !== 'anonymous' && (actor.tenantId === platformTenant || actor.tenantId === tenant.id)
    return {
      output: {
        error: problem === null ? null : ('EXPIRED' as const),
        message: problem?.message ?? 'Tenant is valid',
        details: isOwn ? tenant : null,
        outline: isOwn ? null : tenant,
        days: daysOf(tenant, context.nowMs),
      },
    }
  },
})
