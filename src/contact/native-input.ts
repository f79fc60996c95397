import { z } from 'zod'
import { email } from '../user/input.ts'
import { contactStatuses } from './rules.ts'

const text = (most: number) =>
  z
    .string()
    .trim()
    .refine((given) => [...given].length <= most, `must be at most ${most} characters`)
    .transform((given) => (given === '' ? null : given))
    .nullable()

/** Two decimals, so that sums of them are exact in hundredths. */
const leadScore = z
  .number()
  .min(0, 'must be at least 0')
  .max(999.99, 'must be at most 999.99')
  .refine((score) => Math.abs(score * 100 - Math.round(score * 100)) < 1e-6, 'must have at most two decimals')
  .transform((score) => Math.round(score * 100) / 100)

/** What may be written of a contact (contracts/salesbrain.md section 8). */
export const contactFields = {
  email: z.union([z.literal('').transform(() => null), email]).nullable(),
  firstName: text(200),
  lastName: text(200),
  company: text(200),
  phone: text(50),
  leadScore,
  status: z.enum(contactStatuses),
}

export const named = ['email', 'firstName', 'lastName', 'company'] as const

/** Whether anybody could tell whom it is about. */
export const hasName = (row: { readonly [field in (typeof named)[number]]?: string | null | undefined }): boolean =>
  named.some((field) => row[field] != null)
