import { z } from 'zod'
import { hashEach } from '../import/flow.ts'
import type { Context } from '../kernel/context.ts'
import { fold } from '../kernel/entity.ts'
import { AppError, type FieldError } from '../kernel/errors.ts'
import { operation } from '../kernel/operation.ts'
import { policyOf } from '../policy/policy.ts'
import { type NewEmployee, readNewEmployee } from './input.ts'
import { fileIn } from './multipart.ts'
import { assertEmployeePassword, employeeConflicts, holderOf, planEmployees } from './plan.ts'
import { noSheet, readSheet, type SheetRow } from './sheet.ts'

const mostBytes = 5 * 1024 * 1024

/** What each heading is called by us. Those after the first nine may be missing. */
const columns = {
  'Employee ID': 'employeeId',
  'First Name': 'firstName',
  'Last Name': 'lastName',
  Designation: 'designation',
  Department: 'department',
  'Contact Number': 'contactNumber',
  'Email ID': 'email',
  Password: 'password',
  'Confirm Password': 'passwordConfirmation',
  DCCB: 'dccb',
  'Reporting Manager': 'reportingManager',
} as const
const optional: ReadonlySet<string> = new Set(['DCCB', 'Reporting Manager'])

type RowError = FieldError & { row: number }

const headingKey = (heading: string): string => heading.trim().replace(/\s+/g, ' ').toLowerCase()

/**
 * Makes the employees of a sheet, all or none. Every row is checked by itself, against those before it, and against the store; what is wrong is told row by row.
 * Errors: `body_too_large`, `upload_format`, `columns_missing`, `bulk_refused`.
 */
export const createEmployees = operation({
  name: 'employee.bulk-create',
  summary: 'Create employees from a sheet',
  needs: 'employee:manage',
  input: z.object({
    /** The bytes of a form (multipart/form-data) with the file in `excel_file` or `file`, and its media type with the boundary. */
    form: z.instanceof(Buffer),
    mediaType: z.string(),
    /** Checks everything and stores nothing. */
    dryRun: z.boolean(),
  }),
  output: z.object({ created: z.array(z.string()), wouldCreate: z.int().nullable() }),
  conflicts: employeeConflicts,
  async run(context, { form, mediaType, dryRun }) {
    const file = fileIn(form, mediaType, ['excel_file', 'file'])
    if (file === null) throw noSheet('is missing')
    if (file.bytes.length > mostBytes)
      throw new AppError('too_large', 'body_too_large', 'The file is larger than 5 MB: upload it in parts.')
    const { headings, rows } = await context.once('sheet', () => readSheet(file))
    assertColumns(headings)
    const checked = await checkRows(context, rows)
    if (dryRun) return { output: { created: [], wouldCreate: checked.length } }
    if (checked.length === 0) return { output: { created: [], wouldCreate: null } }
    const hashes = await context.once('hashes', () => hashEach(checked, ({ password }) => context.services.hasher.hash(password)))
    const { changes } = await planEmployees(
      context,
      checked.map((employee, at) => ({ employee, passwordHash: hashes[at] ?? '' })),
    )
    const created = checked.map(({ employeeId }) => employeeId)
    return { output: { created, wouldCreate: null }, changes, detail: { employees: created.length } }
  },
})

function assertColumns(headings: readonly string[]): void {
  const found = new Set(headings.map(headingKey))
  const missing = Object.keys(columns).filter((heading) => !optional.has(heading) && !found.has(headingKey(heading)))
  if (missing.length > 0)
    throw new AppError('unprocessable', 'columns_missing', `Missing required columns: ${missing.join(', ')}`, {
      errors: missing.map((heading) => ({ field: heading, message: 'is missing' })),
    })
}

/** Rows looked up in the store at once. */
const atOnce = 50

async function checkRows(context: Context, rows: readonly SheetRow[]): Promise<NewEmployee[]> {
  const policy = await policyOf(context.store)
  const errors: RowError[] = []
  const employees: { row: number; employee: NewEmployee }[] = []
  const held = new Map<string, number>()
  const refuse = (row: number, { field, message }: FieldError) => void errors.push({ row, field, message: `Row ${row}: ${message}` })

  for (const { row, cells } of rows) {
    const read = readNewEmployee(fieldsOf(cells), policy)
    if ('errors' in read) {
      for (const error of read.errors) refuse(row, error)
      continue
    }
    const { employee } = read
    const twice = duplicateOf(employee, row, held)
    if (twice !== null) refuse(row, twice)
    else employees.push({ row, employee })
  }
  for (let at = 0; at < employees.length; at += atOnce)
    await Promise.all(
      employees.slice(at, at + atOnce).map(async ({ row, employee }) => {
        const problem = await storeProblem(context, employee)
        if (problem !== null) refuse(row, problem)
      }),
    )
  if (errors.length > 0) throw refusal(errors)
  return employees.map(({ employee }) => employee)
}

function refusal(errors: RowError[]): AppError {
  errors.sort((a, b) => a.row - b.row)
  const rows = new Set(errors.map(({ row }) => row)).size
  return new AppError('unprocessable', 'bulk_refused', `Bulk upload refused: ${rows} rows have errors`, { errors })
}

function fieldsOf(cells: Readonly<Record<string, string>>): Record<string, unknown> {
  const byHeading = new Map(Object.entries(cells).map(([heading, text]) => [headingKey(heading), text]))
  const fields = Object.fromEntries(
    Object.entries(columns).map(([heading, field]) => [field, byHeading.get(headingKey(heading)) ?? '']),
  ) as Record<(typeof columns)[keyof typeof columns], string>
  const list = fields.dccb
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  return { ...fields, designation: fields.designation.trim(), multipleDccb: list }
}

/** The later row is at fault. */
function duplicateOf({ employeeId, contactNumber, email }: NewEmployee, row: number, held: Map<string, number>): FieldError | null {
  const wants = [
    ['employeeId', employeeId],
    ['contactNumber', contactNumber],
    ['email', email === null ? null : fold(email)],
  ] as const
  for (const [field, value] of wants) {
    const first = held.get(`${field} ${value}`)
    if (value !== null && first !== undefined) return { field, message: `is also that of row ${first}` }
  }
  for (const [field, value] of wants) if (value !== null) held.set(`${field} ${value}`, row)
  return null
}

async function storeProblem(context: Context, employee: NewEmployee): Promise<FieldError | null> {
  try {
    await assertEmployeePassword(context, employee)
  } catch (error) {
    if (error instanceof AppError && error.code === 'weak_password') return { field: 'password', message: error.message }
    throw error
  }
  const taken = await holderOf(context.store, employee)
  return taken === null ? null : { field: taken.errors?.[0]?.field ?? 'employeeId', message: taken.message }
}
