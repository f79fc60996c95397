import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of the password `Test-Vector-1`. */
export const aHash = 'pbkdf2_sha256$1000$abcdefghijklmnopqrstuv$nW+SqS8zJqRDwu+BnpiOflh9nrfrLWcJNjYNvWJQx8Q='

/** A record of the older application, its 15 keys in their order. */
export const aRecord = (number: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  employee_id: `MGJ${String(number).padStart(5, '0')}`,
  username: `MGJ${String(number).padStart(5, '0')}`,
  email: `officer${number}@example.org`,
  first_name: 'ASHA',
  last_name: `MEHTA ${number}`,
  contact_number: `98765${String(number).padStart(5, '0')}`,
  role: 'field_officer',
  designation: 'MT',
  dccb: 'SURAT',
  reporting_manager: 'NOBODY YET',
  is_active: true,
  is_staff: false,
  is_superuser: false,
  date_joined: '2024-01-15T10:30:00.123456+05:30',
  password: aHash,
  ...more,
})

export const anAdminRecord = (number: number, more: Record<string, unknown> = {}): Record<string, unknown> =>
  aRecord(number, {
    employee_id: `MP${String(number).padStart(4, '0')}`,
    username: `MP${String(number).padStart(4, '0')}`,
    email: `admin${number}@example.org`,
    first_name: 'RAVI',
    contact_number: `91234${String(number).padStart(5, '0')}`,
    role: 'admin',
    designation: 'Manager',
    dccb: null,
    reporting_manager: null,
    is_staff: true,
    ...more,
  })

export function freshFolder(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-preserve-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
