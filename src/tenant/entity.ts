import { z } from 'zod'
import { entity } from '../kernel/entity.ts'

const time = z.iso.datetime({ precision: 3 })

/** A customer organisation: the isolation boundary. Its row lies in its own partition and has the tenant's id. */
export const Tenant = entity('tenant', {
  table: 'tenants',
  fields: {
    key: z.string().nullable(),
    name: z.string(),
    isActive: z.boolean(),
    validFrom: time.nullable(),
    validTo: time.nullable(),
  },
  directory: { byKey: { fields: ['key'], unique: true }, byId: { fields: ['id'] } },
})
