import type { Role } from '../access/permissions.ts'
import type { EmployeeRole } from './entity.ts'

/** `MGJ` and five digits, or `MP` and four. Any number: imported ids may end in zeros alone, new ones may not. */
const pattern = /^(?:MGJ[0-9]{5}|MP[0-9]{4})$/

export const isEmployeeId = (text: string): boolean => pattern.test(text)
/** Number 0 is nobody's. */
export const isNewEmployeeId = (text: string): boolean => pattern.test(text) && !/^[A-Z]+0+$/.test(text)
/** As people type it: blanks around it and case say nothing. */
export const asEmployeeId = (typed: string): string => typed.trim().toUpperCase()

export const roleByPrefix = (employeeId: string): EmployeeRole => (employeeId.startsWith('MP') ? 'admin' : 'field_officer')

/** What an employee's role gives in the one table of permissions. */
export const canonicalRole: Record<EmployeeRole, Role> = { admin: 'admin', field_officer: 'member' }
/** What a user's role is called here. */
export const employeeRole = (role: Role): EmployeeRole => (role === 'owner' || role === 'admin' ? 'admin' : 'field_officer')

export const designations: Record<EmployeeRole, readonly string[]> = {
  field_officer: ['MT', 'DC', 'Support', 'Associate'],
  admin: ['Manager', 'HR', 'Delivery Head'],
}

export const isContactNumber = (text: string): boolean => /^[0-9]{10}$/.test(text)

/** `YYYY-MM-DD` of a day that there is. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const ms = Date.parse(`${text}T00:00:00Z`)
  return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text)
}

/** `lat,lng` in degrees, within ±90 and ±180. */
export function isLocation(text: string): boolean {
  const [, lat, lng] = /^(-?\d{1,3}(?:\.\d{1,15})?), ?(-?\d{1,3}(?:\.\d{1,15})?)$/.exec(text) ?? []
  return lat !== undefined && lng !== undefined && Math.abs(Number(lat)) <= 90 && Math.abs(Number(lng)) <= 180
}

/** Characters as people count them. */
export const lengthOf = (text: string): number => [...text].length
