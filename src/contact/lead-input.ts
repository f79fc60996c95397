import { z } from 'zod'
import { email } from '../user/input.ts'
import type { ContactRow } from './entity.ts'
import { type LeadStatus, type Priority, readPriority, readStatus } from './rules.ts'
import { fieldError, isUnchanged, limits, readText } from './text-rules.ts'

/** The texts of a lead in the order in which they are checked, with the most characters each may have. */
export const leadTexts = {
  practiceName: limits.name,
  ownerName: limits.name,
  practicePhone: limits.phone,
  email: limits.email,
  address: limits.other,
  city: limits.other,
  state: limits.other,
  zipCode: limits.other,
  specialty: limits.other,
  ptan: limits.other,
  einTin: limits.other,
  npi: limits.other,
  fax: limits.phone,
  ownerPhone: limits.phone,
  source: limits.other,
  leadType: limits.other,
} as const
export type LeadText = keyof typeof leadTexts

const required = ['practiceName', 'ownerName', 'practicePhone'] as const
const texts = Object.entries(leadTexts) as [LeadText, number][]
const fields = [...(Object.keys(leadTexts) as LeadText[]), 'score', 'leadStatus', 'priority', 'owner', 'createdBy'] as const

/** A lead as it was sent; what is wrong with it is for `readLead` to say, in the order clients rely on. `owner` is the number of the assigned user. */
export const leadInput = z
  .object(Object.fromEntries(fields.map((field) => [field, z.unknown()])) as Record<(typeof fields)[number], z.ZodUnknown>)
  .partial()
export type LeadInput = z.output<typeof leadInput>

/** The fields that a valid input sets; what is absent here stays, or takes its default. */
export type LeadFields = Partial<Record<LeadText, string | null>> & { score?: number; leadStatus?: LeadStatus; priority?: Priority }

/**
 * Checks a new lead (`before` null) or a change, first refusal first. A value that says what is stored is not asked anything, so that odd imported rows stay editable.
 * Errors: `field_required`, those of `readText`, `score_invalid`, `status_invalid`, `priority_invalid`, `email_invalid`.
 */
export function readLead(input: LeadInput, before: ContactRow | null): LeadFields {
  const read: LeadFields = {}
  for (const field of required) assertNotBlank(field, input, before)
  for (const [field, limit] of texts) {
    if (input[field] === undefined || (before !== null && isUnchanged(input[field], before[field]))) continue
    read[field] = readText(field, input[field], limit)
  }
  const score = readScore(input.score, before)
  const leadStatus = readWord(input.leadStatus, readStatus, fieldError('status_invalid', 'leadStatus', 'is not a status'))
  const priority = readWord(input.priority, readPriority, fieldError('priority_invalid', 'priority', 'is not a priority'))
  if (read.email != null && !email.safeParse(read.email).success)
    throw fieldError('email_invalid', 'email', 'must look like name@example.org')
  if (score !== null) read.score = score
  if (leadStatus !== null && leadStatus !== before?.leadStatus) read.leadStatus = leadStatus
  if (priority !== null) read.priority = priority
  return read
}

function assertNotBlank(field: (typeof required)[number], input: LeadInput, before: ContactRow | null): void {
  const value = input[field]
  if (before !== null && (value === undefined || isUnchanged(value, before[field]) || isBlank(before[field]))) return
  if (isBlank(value)) throw fieldError('field_required', field, 'is required')
}

const isBlank = (value: unknown): boolean => value === undefined || value === null || (typeof value === 'string' && value.trim() === '')

function readScore(value: unknown, before: ContactRow | null): number | null {
  const number = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value
  if (number === undefined || number === null || number === before?.score) return null
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 100) return number
  throw fieldError('score_invalid', 'score', 'must be a whole number from 0 to 100')
}

function readWord<T>(value: unknown, read: (text: string) => T | null, refusal: Error): T | null {
  if (value === undefined || value === null || value === '') return null
  const word = typeof value === 'string' ? read(value) : null
  if (word === null) throw refusal
  return word
}
