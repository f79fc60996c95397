/** What a file may say of a user. `managerId` is an id of this tenant, `manager` a username of this tenant or of the file. */
const fields = [
  'username',
  'email',
  'fullName',
  'role',
  'manager',
  'managerId',
  'passwordHash',
  'passwordSalt',
  'passwordTemplate',
  'password',
  'isActive',
  'createdAt',
  'number',
] as const
export type UserField = (typeof fields)[number]

const folded = (name: string): string => name.toLowerCase().replace(/[\s_.-]/g, '')

const known = new Map<string, UserField>([
  ...fields.flatMap((field) => [[folded(field), field] as const, [field, field] as const]),
  ['salt', 'passwordSalt'],
  ['template', 'passwordTemplate'],
  ['managerusername', 'manager'],
  ['active', 'isActive'],
])

/** The field that a column's or key's name means, whatever its case and its separators: `full_name`, `fullName`, `Full Name`. */
export const fieldOf = (name: string): UserField | undefined => known.get(name) ?? known.get(folded(name))

/** How people write the fields in a file's first line. */
export const columnNames =
  'username, email, full_name, role, manager, manager_id, password_hash, password_salt, password_template, password, is_active, created_at, number'
