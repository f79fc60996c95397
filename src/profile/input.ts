import { z } from 'zod'
import { email as mail } from '../user/input.ts'

export const id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i, 'must be a UUID')

const atMost = (most: number) => z.string().refine((text) => [...text].length <= most, `must be at most ${most} characters`)
export const text = (most: number) => atMost(most).nullable()

export const email = z.string().trim().toLowerCase().pipe(mail)
export const username = z.string().regex(/^[A-Za-z0-9._-]{3,50}$/, 'must be 3 to 50 of A-Z a-z 0-9 . _ -')
export const personName = z
  .string()
  .trim()
  .refine((given) => given !== '' && [...given].length <= 100, 'must be 1 to 100 characters')

const roleWords = { administrator: 'admin', supervisor: 'supervisor', manager: 'manager', user: 'member', auditor: 'auditor' } as const
export const role = z
  .enum(Object.keys(roleWords) as (keyof typeof roleWords)[], 'must be administrator, supervisor, manager, user or auditor')
  .transform((word) => roleWords[word])

/** What one may write of a profile. */
export const profileFields = {
  jobTitle: text(200).optional(),
  department: text(100).optional(),
  phoneNumber: text(40).optional(),
  bio: text(500).optional(),
  avatarUrl: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .max(2_000)
    .nullable()
    .optional(),
  location: z
    .strictObject({ address: text(200), city: text(100), state: text(100), zipCode: text(20), country: atMost(100) })
    .partial()
    .optional(),
  preferences: z
    .strictObject({
      notifications: z.strictObject({ email: z.boolean(), push: z.boolean(), sms: z.boolean() }).partial(),
      language: atMost(35),
      timezone: atMost(64),
    })
    .partial()
    .optional(),
}

export const listing = {
  limit: z
    .union([
      z.int(),
      z
        .string()
        .regex(/^\d{1,4}$/, 'must be a number')
        .transform(Number),
    ])
    .pipe(z.int().min(1).max(200))
    .default(100),
  cursor: z.string().min(1).max(2_000).nullable().default(null),
}
export const revision = z.int().min(1).optional()
