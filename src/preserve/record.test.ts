import { describe, expect, test } from 'vitest'
import { defaultPolicy } from '../policy/policy.ts'
import { readRecord } from './record.ts'
import { aHash, anAdminRecord, aRecord } from './testing/records.ts'

const read = (raw: unknown) => readRecord(raw, defaultPolicy)
const fieldOf = (raw: unknown): string | null => {
  const found = read(raw)
  return 'person' in found ? null : found.field
}

describe('a record is invalid', () => {
  test.each([[null], [7], ['MGJ00001'], [[]]])('that is %j', (raw) => {
    expect(fieldOf(raw)).toBe('')
  })

  test.each([
    ['employee_id', undefined],
    ['employee_id', 'mgj00001'],
    ['employee_id', 'MGJ0001'],
    ['employee_id', ' MGJ00001'],
    ['employee_id', 7],
    ['contact_number', undefined],
    ['contact_number', '987650000'],
    ['contact_number', '98765000011'],
    ['contact_number', 9876500001],
    ['password', undefined],
    ['password', ''],
    ['password', 'plain text'],
    ['password', 'pbkdf2_sha256$0$salt$x'],
    ['password', aHash.replace('$1000$', '$10000001$')],
    ['password', aHash.slice(0, -2)],
    ['first_name', 7],
    ['email', false],
    ['dccb', ['SURAT']],
    ['is_active', 'true'],
    ['is_staff', 1],
    ['role', 'king'],
    ['date_joined', '2024-02-30T10:30:00+05:30'],
    ['date_joined', 'yesterday'],
    ['date_joined', '2024-01-15T25:00:00Z'],
    ['last_name', 'half \ud800'],
    ['last_name', 'nul \0'],
    ['last_name', 'x'.repeat(1001)],
    ['multiple_dccb', 'SURAT'],
    ['attendance_radius', 'far'],
    ['date_of_joining', '2024-13-01'],
  ])('with %s %j', (field, value) => {
    expect(fieldOf(aRecord(1, { [field]: value }))).toBe(field)
  })
})

describe('a record is kept', () => {
  test.each([
    ['2024-01-15T10:30:00.123456+05:30'],
    ['2024-02-29 10:30:00'],
    ['2024-01-15T10:30:00Z'],
    ['2024-01-15'],
    ['2024-01-15T10:30'],
  ])('with the time %s to the letter', (date_joined) => {
    const found = read(aRecord(1, { date_joined }))
    expect('person' in found && found.person.dateJoined).toBe(date_joined)
  })

  test.each([
    [aHash.replace('$1000$', '$10000000$')],
    [aHash.replace('$1000$', '$1$')],
    ['!unusable'],
    ['argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'],
    ['a'.repeat(64)],
  ])('with the hash %s to the letter', (password) => {
    const found = read(aRecord(1, { password }))
    expect('person' in found && found.person.passwordHash).toBe(password)
  })

  test('with defaults for all but three keys', () => {
    const found = read({ employee_id: 'MP0007', contact_number: '9000000007', password: aHash })
    expect(found).toMatchObject({
      person: { username: 'MP0007', role: 'admin', isActive: true, isStaff: false, email: null, dateJoined: null, attendanceRadius: 500 },
    })
    expect(fieldOf({ employee_id: 'MGJ00000', contact_number: '9000000007', password: aHash })).toBeNull()
  })

  test.each([
    ['super_admin', 'admin'],
    ['admin', 'admin'],
    ['hr', 'admin'],
    ['manager', 'admin'],
    ['delivery_head', 'admin'],
    ['field_officer', 'field_officer'],
    ['mt', 'field_officer'],
    ['dc', 'field_officer'],
    ['support', 'field_officer'],
    ['associate', 'field_officer'],
  ])('with the role %s as %s, whatever the prefix', (role, expected) => {
    for (const raw of [aRecord(1, { role }), anAdminRecord(1, { role: undefined, role_level: role })]) {
      const found = read(raw)
      expect('person' in found && found.person.role).toBe(expected)
    }
  })

  test.each([
    [{ first_name: '' }, /first_name/],
    [{ last_name: 'X'.repeat(51) }, /last_name/],
    [{ email: 'nobody' }, /email/],
    [{ designation: 'Chief' }, /designation/],
    [{ dccb: 'ATLANTIS' }, /dccb/],
    [{ dccb: null }, /dccb/],
    [{ designation: 'Associate' }, /Associate without/],
    [{ reporting_manager: null }, /reporting_manager/],
    [{ department: 'Astrology' }, /department/],
  ])('with a warning where %j would be refused of a new one', (more, warning) => {
    const found = read(aRecord(1, more))
    expect('person' in found && found.person.warnings).toEqual([expect.stringMatching(warning)])
  })

  test('without a warning where nothing would be, and unknown keys say nothing', () => {
    for (const raw of [aRecord(1, { shoe_size: 9 }), anAdminRecord(1)]) {
      const found = read(raw)
      expect('person' in found && found.person.warnings).toEqual([])
    }
  })
})
