import { z } from 'zod'
import type { Described } from './attendance-described.ts'
import { leave } from './attendance-shapes.ts'

const success = z.literal(true)
const done = z.object({ success, message: z.string() })
const text = z.string()

export const own: Described = {
  responseSchema: z.object({ success, leave_types: z.array(z.array(text)), leave_requests: z.array(leave) }),
}
export const apply: Described = {
  requestSchema: z.object({ leave_type: text, start_date: text, end_date: text, duration: text.optional(), reason: text }),
  responseSchema: done.extend({ leave_id: text, days_requested: z.number() }),
  problems: {
    400: [
      'leave_type_invalid',
      'duration_invalid',
      'date_invalid',
      'range_reversed',
      'half_day_range',
      'leave_too_long',
      'leave_overlap',
      'leave_balance',
      'validation_failed',
    ],
  },
  example: {
    request: { leave_type: 'planned', start_date: '2026-12-21', end_date: '2026-12-23', reason: 'A wedding' },
    response: {
      success: true,
      message: 'Leave application submitted successfully',
      leave_id: '019b1f3a-7c40-7000-8000-00000000002b',
      days_requested: 3,
    },
  },
}
export const pages: Described = {
  query: { status: '`pending`, `approved` or `rejected`.', page: 'From 1; 25 a page.' },
  responseSchema: z.object({ success, count: z.int(), page: z.int(), pages: z.int(), leaves: z.array(leave) }),
  problems: { 400: ['validation_failed'] },
}
export const decide: Described = {
  requestSchema: z.object({ action: text, admin_remarks: text.nullish() }),
  responseSchema: done,
  problems: {
    400: ['leave_processed', 'action_invalid', 'validation_failed'],
    403: ['own_leave'],
    404: ['not_found'],
    409: ['attendance_on_leave'],
  },
  example: {
    request: { action: 'approve' },
    response: { success: true, message: 'Leave request approved successfully. Attendance automatically marked for leave dates.' },
  },
}
