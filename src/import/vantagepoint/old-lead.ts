import { type LeadText, leadTexts } from '../../contact/lead-input.ts'
import { isIn, type LeadStatus, type Priority, readPriority, readStatus } from '../../contact/rules.ts'
import { canonical, type Json, sha256 } from '../../kernel/canonical.ts'
import type { Item } from '../items.ts'
import { legacyIdOf } from './old-user.ts'
import { type Attributes, booleanOf, idOf, Problem, type Reference, referenceOf, textOf, timeOf, wordOf } from './old-values.ts'

/** A lead as the old installation had it. `texts` and `closing` are fields of a contact. */
export type OldLead = {
  row: number
  id: number | null
  legacyId: string
  texts: Record<LeadText, string | null>
  leadStatus: LeadStatus
  priority: Priority
  score: number
  owner: Reference
  assignedAt: string | null
  docs: { docsSent: boolean; docsSentAt: string | null; docsSentBy: string | null }
  closing: { closedAt: string | null; closedByName: string | null; autoConverted: boolean; conversionReason: string | null }
  closedBy: Reference
  createdByName: string | null
  createdAt: string
  updatedAt: string
  warning: string | null
}

const renamed: Readonly<Record<string, LeadStatus>> = { assigned: 'new', recycled: 'new', demo_scheduled: 'appointment_set' }
const grades: Readonly<Record<string, Priority>> = { 'a+': 'high', a: 'high', 'b+': 'medium', b: 'medium', c: 'low' }
const defaultScore = 75

const textNames = (Object.keys(leadTexts) as LeadText[]).map(
  (field) => [field, field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] as const,
)

/** Item 0 of the old table is its counter, not a lead. */
export const isCounter = (item: Item): boolean => 'value' in item && (item.value.id === 0 || item.value.id === '0')

/** Reads one item, or says what is wrong with it first. `now` stands for times that are nowhere. */
export function readOldLead(item: Item, now: string): OldLead | { row: number; problem: string } {
  if ('problem' in item) return item
  try {
    return read(item.row, item.value, now)
  } catch (error) {
    if (error instanceof Problem) return { row: item.row, problem: error.message }
    throw error
  }
}

function read(row: number, from: Attributes, now: string): OldLead {
  const id = idOf(from)
  const texts = Object.fromEntries(textNames.map(([field, name]) => [field, textOf(from, name)])) as OldLead['texts']
  if (texts.practiceName === null || texts.practiceName.trim() === '') throw new Problem('practice_name is required')
  const leadStatus = readWord(from, 'status', (word) => (Object.hasOwn(renamed, word) ? renamed[word] : readStatus(word)), 'new')
  const priority = readWord(from, 'priority', (word) => (Object.hasOwn(grades, word) ? grades[word] : readPriority(word)), 'medium')
  const given = { createdAt: timeOf(from, 'created_at'), updatedAt: timeOf(from, 'updated_at') }
  const closedAt = timeOf(from, 'closed_at') ?? (isIn('won', leadStatus) ? (given.updatedAt ?? given.createdAt ?? now) : null)
  const score = readScore(from)
  return {
    row,
    id,
    // a lead without an id is known again by what it says
    legacyId: id === null ? `vantagepoint:sha256:${sha256(canonical(from as Json))}` : legacyIdOf(id),
    texts,
    leadStatus,
    priority,
    score: Math.round(score),
    owner: referenceOf(from, 'assigned_user_id'),
    assignedAt: timeOf(from, 'assigned_at'),
    docs: {
      docsSent: booleanOf(from, 'docs_sent') ?? false,
      docsSentAt: timeOf(from, 'docs_sent_at'),
      docsSentBy: textOf(from, 'docs_sent_by'),
    },
    closing: {
      closedAt,
      closedByName: textOf(from, 'closed_by_username'),
      autoConverted: booleanOf(from, 'auto_converted') ?? false,
      conversionReason: textOf(from, 'conversion_reason'),
    },
    closedBy: referenceOf(from, 'closed_by_user_id'),
    createdByName: textOf(from, 'created_by'),
    createdAt: given.createdAt ?? given.updatedAt ?? now,
    updatedAt: given.updatedAt ?? given.createdAt ?? now,
    warning: Number.isInteger(score) ? null : 'score was rounded to a whole number',
  }
}

function readWord<T>(from: Attributes, name: string, reader: (word: string) => T | null | undefined, fallback: T): T {
  const word = wordOf(from, name)
  if (word === null) return fallback
  const found = reader(word) ?? null
  if (found === null) throw new Problem(`${name} is none that is known`)
  return found
}

function readScore(from: Attributes): number {
  const value = from.score
  if (value === undefined || value === null || value === '') return defaultScore
  const score = typeof value === 'string' ? Number(value) : value
  if (typeof score !== 'number' || !Number.isFinite(score) || Math.abs(score) > 1_000_000) throw new Problem('score must be a number')
  return score
}
