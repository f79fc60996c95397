import { z } from 'zod'
import { type Change, create, insert } from '../kernel/change.ts'
import { toTime } from '../kernel/clock.ts'
import type { Context } from '../kernel/context.ts'
import { AppError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { parse } from '../kernel/perform.ts'
import { secretPlace, Tenant, type TenantRow } from './entity.ts'
import { historyOf } from './history.ts'
import { clientSecret, contactPhone, ids, isMissing, keyOf, labels } from './input.ts'

const trialMs = 14 * 86_400_000

/** In the order in which a client is told what it forgot. */
export const needed = [
  'accountId',
  'companyId',
  'accountName',
  'companyName',
  'cluster',
  'contactCompanyName',
  'contactFullName',
  'contactEmailAddress',
  'clientId',
  'clientSecret',
] as const

/** What older clients send along, and the server decides itself. */
const ignored = new Set('tenantId validFrom validTo isActive createdAt updatedAt version gsi1pk gsi1sk'.split(' '))

const company = z.strictObject({ ...ids, ...labels, contactPhone: contactPhone.nullish(), clientSecret })

export type Company = Omit<TenantRow, 'id' | 'version' | 'createdAt' | 'updatedAt' | 'key' | 'name' | 'secretVersion' | 'passwordOnly'> & {
  accountId: string
  companyId: string
  companyName: string
  /** As it was given, not sealed. */
  clientSecret: string
}

/** The row of a new tenant of an account, its secret sealed. */
export function planCompany(
  { services, now }: Pick<Context, 'services' | 'now'>,
  id: string,
  { clientSecret: secret, ...fields }: Company,
): { row: TenantRow; changes: Change[] } {
  const sealed = services.sealer.seal(secret, secretPlace(id))
  const row = create(
    Tenant,
    id,
    { ...fields, key: keyOf(fields), name: fields.companyName, clientSecret: sealed, secretVersion: 1, passwordOnly: null },
    now,
  )
  return { row, changes: [insert(Tenant, row)] }
}

/**
 * Makes the tenant of an account's company, licensed for 14 days from now (fsm.md section 3). Errors: `missing_fields`, whose `errors` name them in their order; `validation_failed`;
 * `tenant_exists` also where another pair of ids has the same key.
 */
export const createCompany = operation({
  name: 'company.create',
  summary: 'Create the tenant of an account’s company',
  needs: 'tenant:create',
  opens: ({ fsm }) => fsm.openSetup,
  elsewhere: true,
  input: z.record(z.string(), z.unknown()),
  output: Tenant.public,
  conflicts: { 'tenant.byKey': ['tenant_exists', 'A tenant with this account and company ID already exists'] },
  async run(context, given) {
    const body = Object.fromEntries(Object.entries(given).filter(([field]) => !ignored.has(field)))
    const missing = needed.filter((field) => isMissing(body[field]))
    if (missing.length > 0)
      throw new AppError('unprocessable', 'missing_fields', `Missing required fields: ${missing.join(', ')}`, {
        errors: missing.map((field) => ({ field, message: 'is required' })),
      })
    const fields = parse(company, body)
    const id = await context.once('id', async () => context.newId())
    const validTo = toTime(context.nowMs + trialMs)
    const licence = { validFrom: context.now, validTo, isActive: true }
    const { row, changes } = planCompany(context, id, { ...fields, contactPhone: fields.contactPhone ?? null, ...licence })
    return {
      output: row,
      changes,
      store: context.runtime.storage.tenant(id),
      action: 'tenant.create',
      entity: { type: Tenant.name, id },
      detail: historyOf(null, row),
    }
  },
})
