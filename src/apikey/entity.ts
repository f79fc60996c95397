import { z } from 'zod'
import { roles } from '../access/permissions.ts'
import { entity } from '../kernel/entity.ts'

/** A machine's credential: acts in its tenant with its role. Only the key's SHA-256 is kept. */
export const ApiKey = entity('api_key', {
  table: 'api_keys',
  fields: {
    name: z.string(),
    role: z.enum(roles),
    prefix: z.string(),
    keyDigest: z.string(),
    createdBy: z.uuid().nullable(),
    expiresAt: z.iso.datetime({ precision: 3 }).nullable(),
  },
  directory: { byDigest: { fields: ['keyDigest'], unique: true } },
  secret: ['keyDigest'],
  /** A restore revives no key that was revoked. */
  transient: true,
  internal: ['createdBy'],
})
