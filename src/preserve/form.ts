import type { EmployeeRow } from '../employee/entity.ts'
import { employeeRole } from '../employee/rules.ts'
import { type Person, viewOf } from '../employee/view.ts'
import { canonical, type Json, sha256 } from '../kernel/canonical.ts'
import type { WorkforceRows } from './workforce.ts'

/** What a backup file says of one person, in this order (contracts/satshine.md, section 5). */
export type LegacyRecord = {
  employee_id: string
  username: string
  email: string
  first_name: string
  last_name: string
  contact_number: string
  role: string
  designation: string | null
  dccb: string | null
  reporting_manager: string | null
  is_active: boolean
  is_staff: boolean
  is_superuser: boolean
  date_joined: string
  password: string
}

/** Nobody matches it: a person who was invited and has no password yet. */
const unusable = '!'

export type Tombstone = { employee_id: string; deleted_at: string }

/** A hash as the framework writes it: argon2 with its name before it, everything else as it came in. */
const exportedHash = (stored: string | null): string =>
  stored === null ? unusable : stored.startsWith('$argon2') ? `argon2${stored}` : stored

export const legacyRecord = ({ employee, user, credential }: Person): LegacyRecord => ({
  employee_id: employee.employeeId,
  username: employee.legacyUsername ?? employee.employeeId,
  email: user.email ?? '',
  first_name: employee.firstName,
  last_name: employee.lastName,
  contact_number: employee.contactNumber ?? '',
  role: employeeRole(user.role),
  designation: employee.designation,
  dccb: employee.dccb,
  reporting_manager: employee.reportingManager,
  is_active: user.isActive,
  is_staff: employee.isStaff,
  is_superuser: employee.isSuperuser,
  date_joined: employee.dateJoined,
  password: exportedHash(credential?.passwordHash ?? null),
})

/** JSON with an indent of 2, in ASCII: every other character as `\uxxxx`. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The legacy form of these people, byte for byte as the older application wrote it. */
export const legacyText = (people: readonly Person[]): string => asciiJson(people.map(legacyRecord))

export type Counts = { users: number; admins: number; fieldOfficers: number }

export function countsOf(people: readonly Person[]): Counts {
  const admins = people.filter(({ user }) => employeeRole(user.role) === 'admin').length
  return { users: people.length, admins, fieldOfficers: people.length - admins }
}

export type FullDocument = {
  format: 'holdfast-preserve'
  version: 1
  tenant: string
  createdAt: string
  counts: Counts & { attendance: number; leaves: number }
  users: readonly object[]
  attendance: readonly object[]
  leaves: readonly object[]
  holidays: readonly object[]
  policy: object | null
  tombstones: readonly Tombstone[]
  sha256: string
}

type Whole = { tenant: string; createdAt: string; people: readonly Person[]; tombstones: readonly Tombstone[]; workforce: WorkforceRows }

/** Everything that is known of a workforce, with its own checksum. */
export function fullDocument({ tenant, createdAt, people, tombstones, workforce }: Whole): FullDocument {
  const idOf = new Map(people.map(({ employee }) => [employee.id, employee]))
  const { attendance, leaves, holidays, policy } = workforce
  const whole = {
    format: 'holdfast-preserve' as const,
    version: 1 as const,
    tenant,
    createdAt,
    counts: { ...countsOf(people), attendance: attendance.length, leaves: leaves.length },
    users: people.map((person) => fullRecord(person, idOf)),
    attendance,
    leaves,
    holidays,
    policy,
    tombstones,
  }
  return { ...whole, sha256: checksumOf(whole) }
}

/** Everything that is known of one person. */
export function fullRecord(person: Person, byId: ReadonlyMap<string, EmployeeRow>): object {
  const { employee, user } = person
  const view = viewOf(person, byId.get(user.managerId ?? '') ?? null)
  return {
    ...legacyRecord(person),
    id: user.id,
    number: employee.number,
    multiple_dccb: view.multipleDccb,
    manager_employee_id: view.managerEmployeeId,
    department: view.department,
    date_of_joining: view.dateOfJoining,
    office_location: view.officeLocation,
    office_address: view.officeAddress,
    attendance_radius: view.attendanceRadius,
    is_demo_user: view.isDemoUser,
    last_login: view.lastLogin,
    must_change_password: view.mustChangePassword,
  }
}

/** SHA-256, hex, over the canonical JSON of everything but the checksum itself. */
export function checksumOf(document: object): string {
  const { sha256: _own, ...rest } = document as { sha256?: string }
  return sha256(canonical(rest as unknown as Json))
}

/** What tells whether two documents say the same: everything but when they were written, and when people last signed in. */
export function contentOf(document: object): string {
  const {
    sha256: _own,
    createdAt: _at,
    users = [],
    ...rest
  } = document as { sha256?: string; createdAt?: string; users?: { last_login?: string }[] }
  const people = users.map(({ last_login: _login, ...person }) => person)
  return sha256(canonical({ ...rest, users: people } as unknown as Json))
}
