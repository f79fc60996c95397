import type { EmployeeRole } from '../employee/entity.ts'
import { designations, isContactNumber, isDate, isEmployeeId, lengthOf, roleByPrefix } from '../employee/rules.ts'
import { isUuid } from '../kernel/id.ts'
import type { Policy } from '../policy/policy.ts'
import { parseImportedHash } from '../session/stored-password.ts'
import { email as mail } from '../user/input.ts'

/** A person as a source has them, valid in itself. Texts are kept to the letter. */
export type PreservedPerson = {
  employeeId: string
  username: string
  email: string | null
  firstName: string
  lastName: string
  contactNumber: string
  role: EmployeeRole
  designation: string | null
  dccb: string | null
  multipleDccb: string[] | null
  reportingManager: string | null
  managerEmployeeId: string | null
  department: string | null
  dateOfJoining: string | null
  officeLocation: string | null
  officeAddress: string | null
  attendanceRadius: number
  isActive: boolean
  isStaff: boolean
  isSuperuser: boolean
  isDemoUser: boolean
  mustChangePassword: boolean
  /** Null = joins now. */
  dateJoined: string | null
  lastLogin: string | null
  passwordHash: string
  /** The user's id in the store that it was taken from. */
  id: string | null
  warnings: string[]
}

export type Reading = { person: PreservedPerson } | { field: string; message: string }

/** What makes a record invalid. */
class Broken extends Error {
  readonly field: string
  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

type Raw = Readonly<Record<string, unknown>>

/** No text of a person is longer; what is would be refused by a store's keys. */
const longest = 1000

const adminRoles = new Set(['super_admin', 'admin', 'hr', 'manager', 'delivery_head'])
const officerRoles = new Set(['field_officer', 'mt', 'dc', 'support', 'associate'])

function text(raw: Raw, field: string): string | null {
  const value = raw[field]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw new Broken(field, 'must be a text')
  if (!value.isWellFormed() || value.includes('\0')) throw new Broken(field, 'holds characters that are no text')
  if (value.length > longest) throw new Broken(field, `is longer than ${longest} characters`)
  return value
}

function flag(raw: Raw, field: string, fallback: boolean): boolean {
  const value = raw[field]
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'boolean') throw new Broken(field, 'must be true or false')
  return value
}

function needed(raw: Raw, field: string): string {
  const value = text(raw, field)
  if (value === null || value === '') throw new Broken(field, 'is required')
  return value
}

/** A time as the older application wrote it: any offset or none, any number of digits. */
const timeForm = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?:Z|([+-])(\d{2}):?(\d{2}))?)?$/

export function isTime(value: string): boolean {
  const [, date = '', hour = '0', minute = '0', second = '0', , zoneHour = '0', zoneMinute = '0'] = timeForm.exec(value) ?? []
  const fits = Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59 && Number(zoneHour) <= 23 && Number(zoneMinute) <= 59
  return fits && isDate(date)
}

function time(raw: Raw, field: string): string | null {
  const value = text(raw, field)
  if (value === null || value === '') return null
  if (!isTime(value)) throw new Broken(field, 'is no time that there is')
  return value
}

function roleOf(raw: Raw, employeeId: string): EmployeeRole {
  const given = text(raw, 'role') ?? text(raw, 'role_level')
  if (given === null || given === '') return roleByPrefix(employeeId)
  const word = given.toLowerCase()
  if (adminRoles.has(word)) return 'admin'
  if (officerRoles.has(word)) return 'field_officer'
  throw new Broken(raw.role == null ? 'role_level' : 'role', 'is a role that is not known')
}

function hashOf(raw: Raw): string {
  const field = raw.password === undefined ? 'password_hash' : 'password'
  const given = needed(raw, raw[field] === undefined ? 'password' : field)
  const found = parseImportedHash(given)
  if ('problem' in found) throw new Broken(field, 'is no password hash that can be verified')
  return found.stored
}

function list(raw: Raw, field: string): string[] | null {
  const value = raw[field]
  if (value === undefined || value === null) return null
  if (
    !Array.isArray(value) ||
    value.some((one) => typeof one !== 'string' || one.length > longest || !one.isWellFormed() || one.includes('\0'))
  )
    throw new Broken(field, 'must be a list of texts')
  return value as string[]
}

function radius(raw: Raw): number {
  const value = raw.attendance_radius
  if (value === undefined || value === null) return 500
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Broken('attendance_radius', 'must be a number')
  return value
}

/** Checks one record by itself and reads it, or says what is wrong first. No value is quoted. */
export function readRecord(raw: unknown, policy: Pick<Policy, 'dccbs' | 'departments'>): Reading {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return { field: '', message: 'is no object' }
  try {
    return { person: read(raw as Raw, policy) }
  } catch (error) {
    if (error instanceof Broken) return { field: error.field, message: error.message }
    throw error
  }
}

function read(raw: Raw, policy: Pick<Policy, 'dccbs' | 'departments'>): PreservedPerson {
  const employeeId = needed(raw, 'employee_id')
  if (!isEmployeeId(employeeId)) throw new Broken('employee_id', 'is not of the form of an employee ID')
  const contactNumber = needed(raw, 'contact_number')
  if (!isContactNumber(contactNumber)) throw new Broken('contact_number', 'must be exactly 10 digits')
  const dateOfJoining = text(raw, 'date_of_joining') || null
  if (dateOfJoining !== null && !isDate(dateOfJoining)) throw new Broken('date_of_joining', 'is no date that there is')
  const person: PreservedPerson = {
    employeeId,
    contactNumber,
    passwordHash: hashOf(raw),
    username: text(raw, 'username') || employeeId,
    email: text(raw, 'email') || null,
    firstName: text(raw, 'first_name') ?? '',
    lastName: text(raw, 'last_name') ?? '',
    role: roleOf(raw, employeeId),
    designation: text(raw, 'designation'),
    dccb: text(raw, 'dccb'),
    multipleDccb: list(raw, 'multiple_dccb'),
    reportingManager: text(raw, 'reporting_manager'),
    managerEmployeeId: text(raw, 'manager_employee_id') || null,
    department: text(raw, 'department'),
    dateOfJoining,
    officeLocation: text(raw, 'office_location'),
    officeAddress: text(raw, 'office_address'),
    attendanceRadius: radius(raw),
    isActive: flag(raw, 'is_active', true),
    isStaff: flag(raw, 'is_staff', false),
    isSuperuser: flag(raw, 'is_superuser', false),
    isDemoUser: flag(raw, 'is_demo_user', false),
    mustChangePassword: flag(raw, 'must_change_password', false),
    dateJoined: time(raw, 'date_joined'),
    lastLogin: time(raw, 'last_login'),
    id: typeof raw.id === 'string' && isUuid(raw.id) ? raw.id : null,
    warnings: [],
  }
  person.warnings.push(...warningsOf(person, policy))
  return person
}

/** What registration would refuse, and a restore keeps, so that nobody is lost. */
function warningsOf(person: PreservedPerson, policy: Pick<Policy, 'dccbs' | 'departments'>): string[] {
  const found: string[] = []
  const warn = (isRight: boolean, message: string) => void (isRight || found.push(message))
  const { role, designation } = person
  for (const [field, name] of [
    ['first_name', person.firstName],
    ['last_name', person.lastName],
  ] as const)
    warn(name.trim() !== '' && lengthOf(name) <= 50, `${field} is not 1 to 50 characters`)
  warn(person.email === null || mail.safeParse(person.email).success, 'email is not valid')
  warn(designation !== null && designations[role].includes(designation), `designation is not one of ${designations[role].join(', ')}`)
  if (role === 'field_officer') {
    if (designation === 'Associate') warn((person.multipleDccb?.length ?? 0) > 0, 'an Associate without a list of dccb')
    else warn(person.dccb !== null && policy.dccbs.includes(person.dccb), 'dccb is not one of the policy')
    warn(
      (person.reportingManager ?? '').trim() !== '' && lengthOf(person.reportingManager ?? '') <= 100,
      'reporting_manager is not 1 to 100 characters',
    )
  }
  warn(
    person.department === null || person.department === '' || policy.departments.includes(person.department),
    'department is not one of the policy',
  )
  return found
}
