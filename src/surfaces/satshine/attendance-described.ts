import { z } from 'zod'
import type { RouteOptions } from '../../http/route.ts'
import { attendance } from './attendance-shapes.ts'

export type Described = Pick<RouteOptions<never>, 'problems' | 'example' | 'query' | 'requestSchema' | 'responseSchema'>

const success = z.literal(true)
const done = z.object({ success, message: z.string() })
const text = z.string()
const given = z.union([z.number(), z.string()])
const records = z.object({ success, count: z.int(), records: z.array(attendance) })
const validation = ['validation_failed']

const position = z.object({ lat: given, lng: given, accuracy: given })
const here = { lat: 23.0225, lng: 72.5714, accuracy: 12 }

export const mark: Described = {
  requestSchema: position.partial(),
  responseSchema: done.extend({
    status: text,
    timing_status: text,
    check_in_time: text,
    location: text.nullable(),
    accuracy: text.nullable(),
    attendance_id: text,
  }),
  problems: {
    400: [
      'marking_off_day',
      'attendance_marked',
      'gps_required',
      'location_invalid',
      'location_inaccurate',
      'outside_area',
      'marking_closed',
      ...validation,
    ],
  },
  example: {
    request: here,
    response: {
      success: true,
      message: 'Attendance marked successfully - On Time',
      status: 'present',
      timing_status: 'On Time',
      check_in_time: '09:45 AM',
      location: '23.022500,72.571400',
      accuracy: '12.0m',
      attendance_id: '019b1f3a-7c40-7000-8000-00000000002a',
    },
  },
}
export const checkOut: Described = {
  requestSchema: position.partial(),
  responseSchema: done.extend({ check_out_time: text, status: text }),
  problems: { 400: ['no_check_in', 'marked_absent', 'checked_out', 'check_out_closed', 'location_invalid', ...validation] },
  example: {
    request: here,
    response: { success: true, message: 'Check-out successful', check_out_time: '06:15 PM', status: 'present' },
  },
}
export const ownHistory: Described = { responseSchema: records }
export const summary: Described = {
  responseSchema: z.object({ present: z.int(), absent: z.int(), half_day: z.int(), total_marked: z.int() }),
  example: { response: { present: 18, absent: 1, half_day: 2, total_marked: 21 } },
}
export const daily: Described = {
  query: { date: '`YYYY-MM-DD`; absent or malformed: today.', dccb: 'Only of this dccb.', status: 'Only with this status.' },
  responseSchema: records.extend({ date: text }),
}
export const history: Described = {
  query: { from_date: '`YYYY-MM-DD`.', to_date: '`YYYY-MM-DD`.' },
  responseSchema: records.extend({ employee_id: text }),
  problems: { 400: ['date_invalid'], 404: ['not_found'] },
}
export const correct: Described = {
  requestSchema: z.object({ attendance_id: text, status: text, remarks: text.nullish() }),
  responseSchema: done.extend({ attendance }),
  problems: { 400: ['status_invalid', ...validation], 404: ['not_found'] },
  example: { request: { attendance_id: '019b1f3a-7c40-7000-8000-00000000002a', status: 'present', remarks: 'Was at a customer' } },
}
export const confirm: Described = {
  requestSchema: z.object({ start_date: text, end_date: text }),
  responseSchema: done.extend({ confirmed_records: z.int(), blocked_records: z.array(z.unknown()) }),
  problems: { 400: ['date_invalid', 'range_reversed', 'range_in_future', 'range_too_long'], 403: ['dc_required'] },
  example: {
    request: { start_date: '2026-11-02', end_date: '2026-11-07' },
    response: { success: true, message: 'Attendance confirmed for 12 team members', confirmed_records: 12, blocked_records: [] },
  },
}
export const approve: Described = {
  requestSchema: z.object({ attendance_ids: z.array(text) }),
  responseSchema: done.extend({
    approved_count: z.int(),
    blocked_records: z.array(z.object({ attendance_id: text, employee_id: text.nullable(), date: text.nullable(), reason: text })),
  }),
  problems: { 400: ['nothing_selected', ...validation] },
  example: {
    request: { attendance_ids: ['019b1f3a-7c40-7000-8000-00000000002a'] },
    response: { success: true, message: 'Successfully approved 1 attendance records', approved_count: 1, blocked_records: [] },
  },
}
