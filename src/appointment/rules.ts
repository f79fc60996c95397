import { AppError } from '../kernel/errors.ts'
import type { AppointmentRow } from './entity.ts'
import type { BookingFields, ResponseFields } from './input.ts'

export const statuses = [
  'PENDING',
  'ACTIVE',
  'SCHEDULED',
  'CONFIRMED',
  'REJECTED',
  'EXPIRED',
  'COMPLETED',
  'SUBMITTED',
  'REQUESTED',
] as const
export type Status = (typeof statuses)[number]

export const bookingStatuses = ['draft', 'submitted', 'requested', 'under_review', 'approved', 'rejected'] as const

const dayMs = 24 * 60 * 60 * 1000
/** How long a customer's link lives. */
export const validMs = 30 * dayMs
/** How long after the link's end an appointment that nobody booked is kept. */
const keptMs = 90 * dayMs

/** What waits for somebody, and so is over when the link's time is. */
const waiting: readonly Status[] = ['PENDING', 'SUBMITTED', 'REQUESTED']
const answerable: readonly Status[] = ['SUBMITTED', 'REQUESTED', 'SCHEDULED']
/** What ends an appointment, so that its activity may have another one. */
const ended: readonly Status[] = ['REJECTED', 'EXPIRED', 'COMPLETED']
/** What customers change no more. */
const settled: readonly Status[] = ['CONFIRMED', 'REJECTED', 'COMPLETED']

type Dated = Pick<AppointmentRow, 'status' | 'validUntil'>

/** The last moment, validUntil itself, is within. */
const isPast = ({ validUntil }: Pick<Dated, 'validUntil'>, nowMs: number): boolean => nowMs > Date.parse(validUntil)

/** The status as it is shown: EXPIRED where it still waits though the link's time is over. */
export const statusAt = (row: Dated, nowMs: number): Status => (waiting.includes(row.status) && isPast(row, nowMs) ? 'EXPIRED' : row.status)

/** The stored statuses, and the side of `validUntil`, that together show as this status: what a list by status asks for. */
export function storedAs(status: Status): { stored: readonly Status[]; isPast: boolean | null } {
  if (status === 'EXPIRED') return { stored: ['EXPIRED', ...waiting], isPast: true }
  return { stored: [status], isPast: waiting.includes(status) ? false : null }
}

/** An activity has at most one open appointment. */
export const isOpen = (row: Dated, nowMs: number): boolean => !ended.includes(row.status) && !isPast(row, nowMs)

/** Whether the customer's link is over. */
export const isLinkOver = (row: Dated, nowMs: number): boolean => row.status === 'EXPIRED' || isPast(row, nowMs)

/** When an appointment that nobody has booked may go: seconds since the Unix epoch. */
export const ttlOf = (validUntilMs: number): number => Math.floor((validUntilMs + keptMs) / 1000)

/** Errors: `appointment_settled`. */
export function assertBookable({ status }: Pick<Dated, 'status'>): void {
  if (settled.includes(status)) throw new AppError('conflict', 'appointment_settled', 'Appointment can no longer be changed')
}

/** What a customer's booking makes of an appointment. A time asked for in this very call makes it a request, however it was before. */
export function booked(row: Pick<AppointmentRow, 'customerBooking'>, fields: BookingFields, now: string) {
  const isRequest = fields.requestedDateTime !== undefined && fields.requestedDateTime.trim() !== ''
  return {
    status: isRequest ? ('REQUESTED' as const) : ('SUBMITTED' as const),
    customerBooking: {
      ...row.customerBooking,
      ...fields,
      status: isRequest ? ('requested' as const) : ('submitted' as const),
      submittedAt: now,
      lastModifiedAt: now,
    },
    ttl: null,
  }
}

const unchangeable = () => new AppError('conflict', 'appointment_not_changeable', 'Appointment cannot be changed')

/** What an answer makes of an appointment. Errors: `appointment_not_changeable` unless it waits for one. */
export function answered(
  row: Pick<AppointmentRow, 'status' | 'validUntil' | 'customerBooking'>,
  fields: ResponseFields,
  by: { name: string; now: string; nowMs: number },
) {
  if (!answerable.includes(statusAt(row, by.nowMs))) throw unchangeable()
  const isApproved = fields.response === 'approve'
  return {
    status: isApproved ? ('CONFIRMED' as const) : ('REJECTED' as const),
    customerBooking: { ...row.customerBooking, status: isApproved ? ('approved' as const) : ('rejected' as const) },
    fsmResponse: { ...fields, respondedAt: by.now, respondedBy: by.name },
  }
}

/** Errors: `appointment_not_changeable` unless it is confirmed. */
export function completed({ status }: Pick<Dated, 'status'>) {
  if (status !== 'CONFIRMED') throw unchangeable()
  return { status: 'COMPLETED' as const }
}
