import { z } from 'zod'
import type { Described } from './attendance-described.ts'

const success = z.literal(true)
const text = z.string()
const count = z.int()
const counts = z.record(text, count)
const day = { date: '`YYYY-MM-DD`; absent or malformed: today.' }

export const dashboard: Described = {
  query: day,
  responseSchema: z.object({
    success,
    date: text,
    total_employees: count,
    active_employees: count,
    designation_counts: z.array(z.object({ designation: text, count })),
    dccb_counts: z.array(z.object({ dccb: text, count })),
    attendance_kpis: z.object({ present: count, absent: count, half_day: count, late_arrivals: count, not_marked: count }),
    pending_leaves: count,
    approval_status: z.object({ dc_pending: count, admin_pending: count }),
  }),
}
export const progress: Described = {
  query: day,
  responseSchema: z.object({ total_employees: count, marked_employees: count, progress_percentage: z.number(), date: text }),
  example: { response: { total_employees: 40, marked_employees: 33, progress_percentage: 82.5, date: '2026-11-26' } },
}
export const persistence: Described = {
  responseSchema: z.object({
    total_users: count,
    active_users: count,
    role_distribution: counts,
    designation_distribution: counts,
    dccb_distribution: counts,
    last_backup: z.object({ at: text, records: count, valid: z.boolean() }).nullable(),
    timestamp: text,
  }),
}
export const statistics: Described = {
  responseSchema: z.object({
    success,
    statistics: z.object({
      users: z.object({ total: count, active: count, admins: count, field_officers: count }),
      attendance: z.object({ total: count, today: count, this_month: count }),
      leaves: z.object({ total: count, pending: count }),
    }),
  }),
}
const person = { employee_id: text, name: text, designation: text.nullable(), dccb: text.nullable() }
export const geo: Described = {
  query: { ...day, status: 'Only with this status.' },
  responseSchema: z.object({
    success,
    count,
    selected_date: text,
    message: text,
    data: z.array(
      z.object({
        ...person,
        status: text,
        date: text,
        lat: z.number(),
        lng: z.number(),
        timing_status: text.nullable(),
        check_in_time: text.nullable(),
        location_accuracy: z.number().nullable(),
      }),
    ),
  }),
}

export const audit: Described = {
  query: {
    employee_id: 'Who did it, or whom it is about.',
    action: 'How the action begins.',
    from_date: '`YYYY-MM-DD`.',
    to_date: '`YYYY-MM-DD`.',
    page: 'From 1; 25 a page.',
  },
  responseSchema: z.object({
    success,
    count,
    page: count,
    pages: count,
    logs: z.array(
      z.object({
        timestamp: text,
        actor: text,
        action: text,
        target: text.nullable(),
        ip_address: text.nullable(),
        details: z.record(text, z.unknown()).nullable(),
        old_value: z.record(text, z.unknown()).nullable(),
        new_value: z.record(text, z.unknown()).nullable(),
      }),
    ),
  }),
  problems: { 400: ['date_invalid', 'validation_failed'] },
}
