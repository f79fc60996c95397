import type { FieldError } from '../kernel/errors.ts'
import type { Policy } from '../policy/policy.ts'
import { email as mail } from '../user/input.ts'
import type { EmployeeRole, EmployeeRow } from './entity.ts'
import { asEmployeeId, designations, isContactNumber, isDate, isLocation, isNewEmployeeId, lengthOf, roleByPrefix } from './rules.ts'

/** What people may write of an employee. */
export type Written = Pick<
  EmployeeRow,
  | 'firstName'
  | 'lastName'
  | 'contactNumber'
  | 'email'
  | 'designation'
  | 'dccb'
  | 'multipleDccb'
  | 'department'
  | 'reportingManager'
  | 'dateOfJoining'
  | 'officeLocation'
  | 'officeAddress'
  | 'attendanceRadius'
>
export type NewEmployee = Written & {
  employeeId: string
  role: EmployeeRole
  isStaff: boolean
  isSuperuser: boolean
  isDemoUser: boolean
  mustChangePassword: boolean
  password: string
}

type Given = Readonly<Record<string, unknown>>
type Named = { role: EmployeeRole; policy: Pick<Policy, 'dccbs' | 'departments'> }

/** What is wrong with a value, said of its field. */
class Wrong extends Error {}

const mostName = 50
const mostManager = 100
const mostAddress = 300
const defaultRadiusM = 500
const mostRadiusM = 100_000

export const badId = 'Invalid Employee ID format'
export const badContact = 'Must be exactly 10 digits'
export const badEmail = 'Invalid email format'

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Wrong('must be a text')
  return value.trim()
}

/** A text, or null for none. */
const optional =
  (read: (text: string) => string) =>
  (value: unknown): string | null => {
    const text = value === null || value === undefined ? '' : textOf(value)
    return text === '' ? null : read(text)
  }

function check(isRight: boolean, message: string): void {
  if (!isRight) throw new Wrong(message)
}

function readName(value: unknown): string {
  const name = textOf(value ?? '').toUpperCase()
  check(name !== '', 'is required')
  check(lengthOf(name) <= mostName, `must be at most ${mostName} characters`)
  return name
}

export function readContact(value: unknown): string {
  const text = textOf(value ?? '')
  check(isContactNumber(text), badContact)
  return text
}

export const readEmail = optional((text) => {
  check(mail.safeParse(text).success, badEmail)
  return text.toLowerCase()
})

function readRadius(value: unknown): number {
  if (value === null || value === undefined) return defaultRadiusM
  const isRight = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= mostRadiusM
  if (!isRight) throw new Wrong(`must be a whole number of metres from 1 to ${mostRadiusM}`)
  return value
}

const oneOf = (allowed: readonly string[]) =>
  optional((text) => {
    check(allowed.includes(text), `must be one of ${allowed.join(', ')}`)
    return text
  })

/** How each field is read that stands for itself. */
const readers = ({ role, policy }: Named): Partial<{ [K in keyof Written]: (value: unknown) => Written[K] }> => ({
  firstName: readName,
  lastName: readName,
  contactNumber: readContact,
  email: readEmail,
  department: oneOf(policy.departments),
  reportingManager(value) {
    const text = optional((found) => found.toUpperCase())(value)
    check(text === null || lengthOf(text) <= mostManager, `must be at most ${mostManager} characters`)
    return role === 'admin' ? null : text
  },
  dateOfJoining: optional((text) => {
    check(isDate(text), 'must be a date, YYYY-MM-DD')
    return text
  }),
  officeLocation: optional((text) => {
    check(isLocation(text), 'must be a latitude and a longitude, "lat,lng"')
    return text
  }),
  officeAddress: optional((text) => {
    check(lengthOf(text) <= mostAddress, `must be at most ${mostAddress} characters`)
    return text
  }),
  attendanceRadius: readRadius,
})

/** Fields of which one decides what another may be. */
const placeFields = ['designation', 'dccb', 'multipleDccb'] as const
/** What a change may name. */
const patchable: readonly string[] = [
  'firstName',
  'lastName',
  'contactNumber',
  'email',
  'department',
  'reportingManager',
  'officeLocation',
  'officeAddress',
  'attendanceRadius',
  ...placeFields,
]

type Errors = FieldError[]

function collect<T>(errors: Errors, field: string, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    errors.push({ field, message: error.message })
    return undefined
  }
}

/** Designation and the unions that go with it: field officers have one, Associates a list, administrators none. */
function readPlace(given: Given, { role, policy }: Named, errors: Errors): Pick<Written, (typeof placeFields)[number]> {
  const designation = collect(errors, 'designation', () => {
    const text = textOf(given.designation ?? '')
    check(text !== '', 'is required')
    check(designations[role].includes(text), `must be one of ${designations[role].join(', ')}`)
    return text
  })
  const none = { designation: designation ?? null, dccb: null, multipleDccb: null }
  if (role === 'admin') return none
  const union = (value: unknown): string => {
    const text = textOf(value).toUpperCase()
    check(policy.dccbs.includes(text), `must be one of ${policy.dccbs.join(', ')}`)
    return text
  }
  if (designation === 'Associate') {
    const list = collect(errors, 'multipleDccb', () => {
      const { multipleDccb } = given
      if (!Array.isArray(multipleDccb) || multipleDccb.length === 0) throw new Wrong('must be a list of at least one')
      return [...new Set(multipleDccb.map(union))]
    })
    return { ...none, multipleDccb: list ?? null }
  }
  const one = collect(errors, 'dccb', () => {
    check(given.dccb !== undefined && given.dccb !== null && given.dccb !== '', 'is required')
    return union(given.dccb)
  })
  return { ...none, dccb: one ?? null }
}

function readBoolean(value: unknown, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'boolean') throw new Wrong('must be true or false')
  return value
}

/** Reads a new employee, or says of every field what is wrong with it. A sent `role` is ignored: the prefix of the id decides. */
export function readNewEmployee(given: Given, policy: Policy): { employee: NewEmployee } | { errors: Errors } {
  const errors: Errors = []
  const employeeId = typeof given.employeeId === 'string' ? asEmployeeId(given.employeeId) : ''
  if (!isNewEmployeeId(employeeId)) errors.push({ field: 'employeeId', message: badId })
  const named = { role: roleByPrefix(employeeId), policy }
  const written: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(readers(named)))
    written[field] = collect(errors, field, () => (read as (value: unknown) => unknown)(given[field]))
  Object.assign(written, readPlace(given, named, errors))
  if (named.role === 'field_officer' && written.reportingManager === null)
    errors.push({ field: 'reportingManager', message: 'is required' })
  const flag = (field: string): boolean => collect(errors, field, () => readBoolean(given[field], false)) ?? false
  const flags = {
    isStaff: flag('isStaff'),
    isSuperuser: flag('isSuperuser'),
    isDemoUser: flag('isDemoUser'),
    mustChangePassword: flag('mustChangePassword'),
  }
  const { password, passwordConfirmation } = given
  if (typeof password !== 'string' || password === '') errors.push({ field: 'password', message: 'is required' })
  else if (password.length > 4096) errors.push({ field: 'password', message: 'is too long' })
  if (passwordConfirmation !== undefined && passwordConfirmation !== null && passwordConfirmation !== password)
    errors.push({ field: 'passwordConfirmation', message: 'Passwords do not match' })
  if (errors.length > 0) return { errors }
  return { employee: { ...(written as Written), ...flags, employeeId, role: named.role, password: String(password) } }
}

/** Reads a change of an employee. Of the fields that hang together all are looked at when one is named. */
export function readEmployeePatch(given: Given, before: EmployeeRow, policy: Policy): { patch: Partial<Written> } | { errors: Errors } {
  const errors: Errors = Object.keys(given)
    .filter((field) => !patchable.includes(field))
    .map((field) => ({ field, message: 'is not a known field' }))
  const named = { role: before.role, policy }
  const patch: Record<string, unknown> = {}
  for (const [field, read] of Object.entries(readers(named)))
    if (field in given && patchable.includes(field))
      patch[field] = collect(errors, field, () => (read as (value: unknown) => unknown)(given[field]))
  if (placeFields.some((field) => field in given)) Object.assign(patch, readPlace({ ...before, ...given }, named, errors))
  return errors.length > 0 ? { errors } : { patch: patch as Partial<Written> }
}
