import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answered,
  assertBookable,
  booked,
  completed,
  isLinkOver,
  isOpen,
  type Status,
  statusAt,
  statuses,
  storedAs,
  ttlOf,
  validMs,
} from './rules.ts'

const startMs = Date.parse('2026-03-01T10:00:00.000Z')
const now = new Date(startMs).toISOString()
const untilMs = startMs + validMs
const row = (status: Status) => ({
  status,
  validUntil: new Date(untilMs).toISOString(),
  customerBooking: { status: 'draft' as const, customerName: 'Iris Vale' },
})
const by = (nowMs: number) => ({ name: 'dora', now: new Date(nowMs).toISOString(), nowMs })
const refusal = (work: () => unknown): string | null => {
  try {
    work()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** Status by status: whether it is over with its link, is open within it, may be booked, answered, completed. */
const machine: Record<Status, { expires: boolean; open: boolean; bookable: boolean; answerable: boolean; completable: boolean }> = {
  PENDING: { expires: true, open: true, bookable: true, answerable: false, completable: false },
  ACTIVE: { expires: false, open: true, bookable: true, answerable: false, completable: false },
  SCHEDULED: { expires: false, open: true, bookable: true, answerable: true, completable: false },
  CONFIRMED: { expires: false, open: true, bookable: false, answerable: false, completable: true },
  REJECTED: { expires: false, open: false, bookable: false, answerable: false, completable: false },
  EXPIRED: { expires: false, open: false, bookable: true, answerable: false, completable: false },
  COMPLETED: { expires: false, open: false, bookable: false, answerable: false, completable: false },
  SUBMITTED: { expires: true, open: true, bookable: true, answerable: true, completable: false },
  REQUESTED: { expires: true, open: true, bookable: true, answerable: true, completable: false },
}

describe.each(statuses)('%s', (status) => {
  const { expires, open, bookable, answerable, completable } = machine[status]

  test('is shown as it is up to the last moment of the link, and after it as EXPIRED if it still waits', () => {
    expect(statusAt(row(status), untilMs)).toBe(status)
    expect(statusAt(row(status), untilMs + 1)).toBe(expires ? 'EXPIRED' : status)
  })

  test('is open within the link, or never', () => {
    expect(isOpen(row(status), untilMs)).toBe(open)
    expect(isOpen(row(status), untilMs + 1)).toBe(false)
  })

  test('has a link that is over a millisecond after its last moment', () => {
    expect(isLinkOver(row(status), untilMs)).toBe(status === 'EXPIRED')
    expect(isLinkOver(row(status), untilMs + 1)).toBe(true)
  })

  test('may be booked, or not', () => {
    expect(refusal(() => assertBookable(row(status)))).toBe(bookable ? null : 'Appointment can no longer be changed')
  })

  test.each(['approve', 'reject'] as const)('may be answered with %s, or not', (response) => {
    const answer = () => answered(row(status), { response }, by(untilMs))
    if (!answerable) return expect(refusal(answer)).toBe('Appointment cannot be changed')
    expect(answer()).toMatchObject({
      status: response === 'approve' ? 'CONFIRMED' : 'REJECTED',
      customerBooking: { status: response === 'approve' ? 'approved' : 'rejected', customerName: 'Iris Vale' },
      fsmResponse: { response, respondedAt: new Date(untilMs).toISOString(), respondedBy: 'dora' },
    })
    expect(refusal(() => answered(row(status), { response }, by(untilMs + 1)))).toBe(expires ? 'Appointment cannot be changed' : null)
  })

  test('may be completed, or not', () => {
    expect(refusal(() => completed(row(status)))).toBe(completable ? null : 'Appointment cannot be changed')
  })

  test('is found in a list by the status that it shows, and in no other', () => {
    for (const [nowMs, past] of [
      [untilMs, false],
      [untilMs + 1, true],
    ] as const) {
      const found = statuses.filter((asked) => {
        const { stored, isPast } = storedAs(asked)
        return stored.includes(status) && (isPast === null || isPast === past)
      })
      // nothing stores EXPIRED before its time
      if (status !== 'EXPIRED' || past) expect(found).toEqual([statusAt(row(status), nowMs)])
    }
  })
})

describe('a booking', () => {
  test('lays its fields over the earlier ones, is dated, and keeps the row', () => {
    expect(booked(row('PENDING'), { customerPhone: '+1 555 0100' }, now)).toEqual({
      status: 'SUBMITTED',
      customerBooking: {
        status: 'submitted',
        customerName: 'Iris Vale',
        customerPhone: '+1 555 0100',
        submittedAt: now,
        lastModifiedAt: now,
      },
      ttl: null,
    })
  })

  test('is a request when this very call asks for a time', () => {
    const requested = booked(row('PENDING'), { requestedDateTime: '2026-03-09T08:00' }, now)
    expect([requested.status, requested.customerBooking.status]).toEqual(['REQUESTED', 'requested'])
    const again = booked(requested, { customerMessage: 'Ring twice' }, now)
    expect([again.status, again.customerBooking.status, again.customerBooking.requestedDateTime]).toEqual([
      'SUBMITTED',
      'submitted',
      '2026-03-09T08:00',
    ])
    expect(booked(row('PENDING'), { requestedDateTime: ' ' }, now).status).toBe('SUBMITTED')
  })
})

test('an appointment that nobody booked may go ninety days after its link, in whole seconds', () => {
  expect(validMs).toBe(30 * 24 * 60 * 60 * 1000)
  expect(ttlOf(untilMs)).toBe(Date.parse('2026-06-29T10:00:00Z') / 1000)
  expect(ttlOf(untilMs + 999)).toBe(ttlOf(untilMs))
})

type Act = { act: 'book' | 'request' | 'approve' | 'reject' | 'complete'; afterMs: number }

/** What the contract promises of any history, said without the code's tables. */
test('whatever happens in whatever order, an appointment is booked, then answered, then completed, and nothing else', () => {
  const act: fc.Arbitrary<Act> = fc.record({
    act: fc.constantFrom('book', 'request', 'approve', 'reject', 'complete'),
    afterMs: fc.oneof(fc.integer({ min: 0, max: 5 * 86_400_000 }), fc.constantFrom(validMs, validMs + 1)),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
      let nowMs = startMs
      let one: ReturnType<typeof row> = row('PENDING')
      const done: Act['act'][] = []
      for (const { act: wanted, afterMs } of acts) {
        nowMs += afterMs
        const before = { ...one }
        const works = refusal(() => {
          if (wanted === 'book' || wanted === 'request') {
            if (isLinkOver(one, nowMs)) throw new Error('over')
            assertBookable(one)
            const fields = wanted === 'request' ? { requestedDateTime: 'soon' } : {}
            Object.assign(one, booked(one, fields, new Date(nowMs).toISOString()))
          } else if (wanted === 'complete') Object.assign(one, completed(one))
          else Object.assign(one, answered(one, { response: wanted }, by(nowMs)))
        })
        if (works === null) done.push(wanted)
        else expect(one).toEqual(before)
        if (works === null && ['book', 'request', 'approve', 'reject'].includes(wanted)) expect(nowMs).toBeLessThanOrEqual(untilMs)
        one = { ...one }
      }
      expect(done.join(' ')).toMatch(/^((book|request) ?)*$|^((book|request) )+(reject|approve( complete)?)$/)
    }),
    { numRuns: 500 },
  )
})
