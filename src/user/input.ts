import { z } from 'zod'
import { roles } from '../access/permissions.ts'
import { userStatuses } from './entity.ts'

/** At most so many characters as people count them: code points, not the units of UTF-16. */
const atMost = (most: number) =>
  z.string().refine((text) => text.length <= most || (text.length <= 2 * most && [...text].length <= most), {
    error: `must be at most ${most} characters`,
  })

/** `username`: 1–100 of letters, digits and `.` `_` `@` `+` `-` (native-api.md section 3). */
export const username = z.string().regex(/^[\p{L}\p{M}\p{N}._@+-]{1,100}$/u, 'must be 1 to 100 letters, digits or . _ @ + -')
/** A mail address as people write them, at most 254 characters (RFC 5321 section 4.5.3.1.3). */
export const email = atMost(254).regex(/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/, 'must look like name@example.org')
export const fullName = atMost(200)
export const role = z.enum(roles, `must be one of ${roles.join(', ')}`)
export const password = z.string().max(4096, 'is too long')

const about = { fullName: fullName.nullish(), email: email.nullish(), role: role.optional(), managerId: z.string().max(64).nullish() }

export const newUserFields = { username, ...about, password: password.nullish() }
export const patchFields = {
  username: username.optional(),
  ...about,
  isActive: z.boolean().optional(),
  status: z.enum(userStatuses).optional(),
  assignable: z.boolean().optional(),
}
