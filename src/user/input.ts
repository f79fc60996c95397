import { z } from 'zod'
import { roles } from '../access/permissions.ts'

/** `username`: 1–100 of letters, digits and `.` `_` `@` `+` `-` (native-api.md section 3). */
export const username = z.string().regex(/^[\p{L}\p{M}\p{N}._@+-]{1,100}$/u, 'must be 1 to 100 letters, digits or . _ @ + -')
/** A mail address as people write them, at most 254 characters (RFC 5321 section 4.5.3.1.3). */
export const email = z
  .string()
  .max(254, 'must be at most 254 characters')
  .regex(/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/, 'must look like name@example.org')
export const fullName = z.string().max(200, 'must be at most 200 characters')
export const role = z.enum(roles, `must be one of ${roles.join(', ')}`)
export const password = z.string().max(4096, 'is too long')
