import { z } from 'zod'
import type { RowTotals } from './workforce.ts'

const count = z.int()
const rowTotals = z.object({ created: count, existing: count, orphan: count, invalid: count })

const outcomes = ['created', 'existing', 'conflict', 'invalid', 'deleted'] as const

const recordReport = z.object({
  /** From 1, in the order of the source. */
  index: count,
  employeeId: z.string().nullable(),
  outcome: z.enum(outcomes),
  field: z.string().optional(),
  message: z.string().optional(),
  warnings: z.array(z.string()).optional(),
  managerEmployeeId: z.string().nullable().optional(),
})

const generation = z.object({
  name: z.string(),
  records: count,
  admins: count,
  fieldOfficers: count,
  createdAt: z.string(),
  sha256: z.string(),
  valid: z.boolean(),
})

/** What a run did (contracts/satshine.md, section 6). `lines` are the words for people, in their order; `exitCode` is the command's. */
export const report = z.object({
  action: z.enum(['ensure', 'backup', 'restore', 'list']),
  tenant: z.string(),
  exitCode: z.union([z.literal(0), z.literal(1), z.literal(3)]),
  source: z.object({ path: z.string(), format: z.string(), sha256: z.string(), records: count }).nullable(),
  rejected: z.array(z.object({ path: z.string(), reason: z.string(), keptAs: z.string() })),
  records: z.array(recordReport),
  totals: z.object({ created: count, existing: count, conflict: count, invalid: count, deleted: count }),
  attendance: rowTotals,
  leaves: rowTotals,
  counts: z.object({ admins: count, fieldOfficers: count }),
  backup: z
    .object({ path: z.string(), written: z.boolean(), records: count, admins: count, fieldOfficers: count, sha256: z.string() })
    .nullable(),
  defaults: z.array(z.object({ employeeId: z.string(), password: z.string() })),
  generations: z.array(generation),
  error: z.string().nullable(),
  lines: z.array(z.object({ text: z.string(), isError: z.boolean() })),
})

export type Report = z.output<typeof report>
export type RecordReport = z.output<typeof recordReport>

export const noTotals = { created: 0, existing: 0, conflict: 0, invalid: 0, deleted: 0 }
const noRowTotals: RowTotals = { created: 0, existing: 0, orphan: 0, invalid: 0 }

export const emptyReport = (action: Report['action'], tenant: string): Report => ({
  action,
  tenant,
  exitCode: 0,
  source: null,
  rejected: [],
  records: [],
  totals: { ...noTotals },
  attendance: { ...noRowTotals },
  leaves: { ...noRowTotals },
  counts: { admins: 0, fieldOfficers: 0 },
  backup: null,
  defaults: [],
  generations: [],
  error: null,
  lines: [],
})
