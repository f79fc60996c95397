import { z } from 'zod'
import { type Entity, entity, fold } from '../kernel/entity.ts'

export const employeeRoles = ['admin', 'field_officer'] as const
export type EmployeeRole = (typeof employeeRoles)[number]

/** Case and repeated blanks make no difference between two names. */
export const nameKey = (text: string): string => fold(text.trim().replace(/\s+/g, ' '))

/**
 * What a user of a workforce is besides a login: one row beside the user's, under the same id (docs/decisions/0011-employees.md). `role`, `email` and `isActive` repeat the user's, so that lists and counts
 * need one table; user/plan-update.ts keeps them alike in the commit that changes them.
 * A deleted employee keeps the row: the id stays taken, and the same person can come back. Where only the fact is known that an id was deleted, there is a row and no user.
 */
export const Employee = entity('employee', {
  table: 'employees',
  fields: {
    employeeId: z.string(),
    /** The user's number: the order of creation. */
    number: z.int(),
    role: z.enum(employeeRoles),
    firstName: z.string(),
    lastName: z.string(),
    contactNumber: z.string().nullable(),
    email: z.string().nullable(),
    designation: z.string().nullable(),
    dccb: z.string().nullable(),
    multipleDccb: z.array(z.string()).nullable(),
    department: z.string().nullable(),
    /** As people wrote it. Whom it means is the user's `managerId` (link.ts). */
    reportingManager: z.string().nullable(),
    /** `YYYY-MM-DD`. */
    dateOfJoining: z.string().nullable(),
    /** `lat,lng` in degrees. */
    officeLocation: z.string().nullable(),
    officeAddress: z.string().nullable(),
    /** Metres. */
    attendanceRadius: z.number(),
    isStaff: z.boolean(),
    isSuperuser: z.boolean(),
    isDemoUser: z.boolean(),
    /** The username of an imported record, where it was another than the id: exports repeat it. */
    legacyUsername: z.string().nullable(),
    /** ISO 8601 with the offset, and as many digits, that it came with. */
    dateJoined: z.string(),
    lastLogin: z.string().nullable(),
    isActive: z.boolean(),
    deletedAt: z.iso.datetime({ precision: 3 }).nullable(),
    /** Whether a deleted one was active before. */
    wasActive: z.boolean().nullable(),
    nameFold: z.string(),
    reportingFold: z.string().nullable(),
    searchText: z.string(),
  },
  unique: { employeeId: ['employeeId'], contact: ['contactNumber'] },
  indexes: {
    byRole: ['role', 'employeeId'],
    byNumber: ['number'],
    byName: ['nameFold'],
    byReporting: ['reportingFold'],
  },
  internal: ['wasActive', 'legacyUsername'],
  belongsTo: { id: 'user' },
  erased: {
    employeeId: (id) => `ERASED-${id}`,
    firstName: () => '',
    lastName: () => '',
    contactNumber: () => null,
    email: () => null,
    officeLocation: () => null,
    officeAddress: () => null,
    legacyUsername: () => null,
  },
  deletedBy: 'deletedAt',
  derived: {
    nameFold: (row) => nameKey(`${row.firstName} ${row.lastName}`),
    reportingFold: (row) => (row.reportingManager === null ? null : nameKey(row.reportingManager)),
    searchText: (row) => fold([row.employeeId, row.firstName, row.lastName, row.email ?? ''].join('\n')),
  },
})

export type EmployeeRow = Entity<typeof Employee>
