import { z } from 'zod'
import { type Entity, entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })
const text = z.string().nullable()

/**
 * A customer organisation: the isolation boundary. Its row lies in its own partition and has the tenant's id. Those that came as an account's company (contracts/fsm.md, section 2) have the
 * attributes from `accountId` on, and `accountId_companyId` as their key; all others have nulls there.
 */
export const Tenant = entity('tenant', {
  table: 'tenants',
  fields: {
    key: text,
    name: z.string(),
    isActive: z.boolean(),
    validFrom: time.nullable(),
    validTo: time.nullable(),
    /** No second proof is expected of anybody: new passwords have 15 characters at least instead of 12. Null: nobody decided, which is no. */
    passwordOnly: z.boolean().nullable(),
    accountId: text,
    companyId: text,
    accountName: text,
    companyName: text,
    contactCompanyName: text,
    contactFullName: text,
    contactEmailAddress: text,
    contactPhone: text,
    /** The partner's installation; it becomes part of a host name. */
    cluster: text,
    clientId: text,
    /** Sealed. */
    clientSecret: text,
    /** From 1, one more with each rotation. */
    secretVersion: z.int().nullable(),
  },
  directory: {
    byKey: { fields: ['key'], unique: true },
    byId: { fields: ['id'] },
    byAccount: { fields: ['accountId', 'key'] },
  },
  secret: ['clientSecret'],
  sealed: ['clientSecret'],
})

export type TenantRow = Entity<typeof Tenant>

/** Where a tenant's client secret is sealed for. */
export const secretPlace = (tenantId: string) => ({ tenant: tenantId, entity: Tenant.name, id: tenantId, field: 'clientSecret' })

/** A tenant that is no account's company, and has decided nothing. */
export const noAccount = {
  passwordOnly: null,
  accountId: null,
  companyId: null,
  accountName: null,
  companyName: null,
  contactCompanyName: null,
  contactFullName: null,
  contactEmailAddress: null,
  contactPhone: null,
  cluster: null,
  clientId: null,
  clientSecret: null,
  secretVersion: null,
}
