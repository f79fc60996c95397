import { z } from 'zod'
import { toTime } from '../kernel/clock.ts'

/** At most so many characters as people count them, on one side of a trim or the other. */
const atMost = (most: number) => (text: string) => text.length <= most || (text.length <= 2 * most && [...text].length <= most)

/** What no store takes: a NUL, or half a surrogate pair. Bodies are checked at the door, texts within texts are not. */
const isPlain = (text: string): boolean => !text.includes('\0') && text.isWellFormed()
const plain = z.string().refine(isPlain, 'holds a character that is not allowed')

const label = plain.trim().min(1, 'must not be empty').refine(atMost(256), 'must be at most 256 characters')

const isNobody = (id: string): boolean => id.toLowerCase() === 'unknown'
const form = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits or . _ -')

/** Whether an id stands for a context that its client did not know. */
export const isUnknownContext = (id: unknown): boolean => typeof id === 'string' && isNobody(id)

const contextId = form.refine((id) => !isNobody(id), 'must not be "unknown"')

export const emailMessage = 'Please enter a valid email address'

/** The length first: the pattern's time grows with its square. */
const email = plain.trim().refine((text) => text.length <= 256 && /^\S+@\S+\.\S+$/.test(text), emailMessage)

const phone = plain
  .trim()
  .refine(atMost(64), 'must be at most 64 characters')
  .transform((text) => (text === '' ? null : text))

const cluster = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 small letters, digits or -')

export const clientSecret = plain
  .refine((text) => text.trim() !== '', 'must not be empty')
  .refine(atMost(1024), 'must be at most 1024 characters')

/** Any offset goes in, UTC with milliseconds comes out. */
export const moment = z
  .string('must be an ISO 8601 time')
  .refine((text) => z.iso.datetime({ offset: true }).safeParse(text).success, 'must be an ISO 8601 time with an offset')
  .transform((text) => toTime(Date.parse(text)))
  .refine((text) => /^\d{4}-/.test(text), 'must lie in the years 0000 to 9999')

/** Attributes that people give a tenant and change (fsm.md section 2). */
export const labels = {
  accountName: label,
  companyName: label,
  contactCompanyName: label,
  contactFullName: label,
  contactEmailAddress: email,
  clientId: label,
  cluster,
}

export const ids = { accountId: contextId, companyId: contextId }
export const contactPhone = phone

/** The tenant's external key. It is never taken apart: ids may hold `_`. */
export const keyOf = ({ accountId, companyId }: { accountId: string; companyId: string }): string => `${accountId}_${companyId}`

/** Absent, null, empty and blank count as missing. */
export const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
