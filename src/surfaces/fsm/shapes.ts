import { z } from 'zod'
import type { TenantRow } from '../../tenant/entity.ts'

type Shown = Omit<TenantRow, 'clientSecret'>
type Outline = Pick<TenantRow, 'id' | 'key' | 'accountId' | 'companyId' | 'validFrom' | 'validTo' | 'isActive'>

/** What everyone may know of a tenant. One that is no account's company goes by its id. */
export const outlineShape = ({ id, key, accountId, companyId, validFrom, validTo, isActive }: Outline) => ({
  tenantId: key ?? id,
  accountId,
  companyId,
  validFrom,
  validTo,
  isActive,
})

/** The sanitized tenant: all attributes but the secret. */
export const tenantShape = (row: Shown) => ({
  ...outlineShape(row),
  accountName: row.accountName,
  companyName: row.companyName,
  contactCompanyName: row.contactCompanyName,
  contactFullName: row.contactFullName,
  contactEmailAddress: row.contactEmailAddress,
  ...(row.contactPhone === null ? {} : { contactPhone: row.contactPhone }),
  cluster: row.cluster,
  clientId: row.clientId,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  version: row.version,
  secretVersion: row.secretVersion,
})

const text = z.string().nullable()
const time = z.iso.datetime({ precision: 3 })

/** The shapes above, for the API description. */
export const outline = z.object({
  tenantId: z.string(),
  accountId: text,
  companyId: text,
  validFrom: time.nullable(),
  validTo: time.nullable(),
  isActive: z.boolean(),
})

export const tenant = outline.extend({
  accountName: text,
  companyName: text,
  contactCompanyName: text,
  contactFullName: text,
  contactEmailAddress: text,
  contactPhone: z.string().optional(),
  cluster: text,
  clientId: text,
  createdAt: time,
  updatedAt: time,
  version: z.int(),
  secretVersion: z.int().nullable(),
})
