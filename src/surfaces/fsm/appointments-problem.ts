import type { AppError } from '../../kernel/errors.ts'

const invalid = { create: 'Invalid appointment request', change: 'Invalid appointment update request' }

/** Short texts for what is wrong with a request about appointments, by the operation that was asked. */
const titles: Readonly<Record<string, string>> = {
  'appointment.create': invalid.create,
  'appointment.list': invalid.create,
  'appointment.book': invalid.change,
  'appointment.respond': invalid.change,
}

/** The short and the long text of a refusal by the input of an operation on appointments, or null where it is none. */
export function appointmentTexts(error: AppError, operation: string | null): { title: string; detail: string } | null {
  const title = titles[operation ?? '']
  if (title === undefined || !['validation_failed', 'bad_cursor'].includes(error.code)) return null
  const [first] = error.errors ?? []
  if (first?.field === 'activities' && !/^must be at most/.test(first.message)) {
    const text = 'Activities array is required'
    return { title: text, detail: text }
  }
  // clients know these two by their text alone
  return operation === 'appointment.create' || operation === 'appointment.book'
    ? { title, detail: error.message }
    : { title, detail: title }
}
