import { type Role, roles } from '../access/permissions.ts'
import { fold } from '../kernel/entity.ts'
import type { FieldError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/id.ts'
import { parseImportedHash } from '../session/stored-password.ts'
import { email, fullName, username } from '../user/input.ts'
import type { UserField } from './columns.ts'
import type { Values } from './rows.ts'
import { isDamaged, readBoolean, readNumber, readTime } from './values.ts'

/** How an imported user will prove who they are: a hash made elsewhere (in stored form), or a password that is still to be hashed. Neither: cannot sign in yet. */
export type Secret = { kind: 'hash'; stored: string } | { kind: 'password'; password: string } | null

/** A user as a file has it, valid in itself. `fold` is the username without regard to case, as it is unique. */
export type ImportedUser = {
  row: number
  line: number
  username: string
  fold: string
  email: string | null
  fullName: string | null
  role: Role
  manager: { id: string } | { fold: string } | null
  secret: Secret
  isActive: boolean
  createdAt: string | null
  number: number | null
}

const longestPassword = 4096

class Refusal extends Error {
  readonly field: UserField
  constructor(field: UserField, message: string) {
    super(message)
    this.field = field
  }
}

/** Checks one row by itself and reads it, or says what is wrong first. Never quotes a value: in a shifted row a password may stand anywhere. */
export function readUser({ row, line, values }: { row: number; line: number; values: Values }): ImportedUser | { problem: FieldError } {
  try {
    const name = required(text(values, 'username'))
    return {
      row,
      line,
      username: valid('username', username, name),
      fold: fold(name),
      email: optional('email', email, text(values, 'email')),
      fullName: optional('fullName', fullName, text(values, 'fullName')),
      role: readRole(text(values, 'role')),
      manager: readManager(text(values, 'managerId'), text(values, 'manager')),
      secret: readSecret(values),
      isActive: read(values, 'isActive', readBoolean, 'must be true or false') ?? true,
      createdAt: read(values, 'createdAt', readTime, 'must be an ISO 8601 time, as 2024-05-31T12:00:00Z'),
      number: read(values, 'number', readNumber, 'must be a whole number from 1, of at most 14 digits'),
    }
  } catch (error) {
    if (error instanceof Refusal) return { problem: { field: error.field, message: error.message } }
    throw error
  }
}

/** The text of a field without blanks around it, or null for none. */
function text(values: Values, field: UserField): string | null {
  const value = exact(values, field)?.trim() ?? ''
  return value === '' ? null : value
}

function exact(values: Values, field: UserField): string | null {
  const value = values[field]
  if (value === undefined || value === null || value === '') return null
  if (typeof value !== 'string') throw new Refusal(field, 'must be a text')
  if (isDamaged(value)) throw new Refusal(field, 'holds characters that are no text: save the file as UTF-8')
  return value
}

function required(name: string | null): string {
  if (name === null) throw new Refusal('username', 'is required')
  return name
}

type Schema = { safeParse(value: unknown): { success: boolean; error?: { issues: { message: string }[] } | undefined } }

function valid(field: UserField, schema: Schema, value: string): string {
  const { error } = schema.safeParse(value)
  if (error !== undefined) throw new Refusal(field, error.issues[0]?.message ?? 'is not valid')
  return value
}

const optional = (field: UserField, schema: Schema, value: string | null): string | null =>
  value === null ? null : valid(field, schema, value)

function readRole(given: string | null): Role {
  const role = roles.find((known) => known === (given?.toLowerCase() ?? 'member'))
  if (role === undefined) throw new Refusal('role', `must be one of ${roles.join(', ')}`)
  return role
}

function readManager(id: string | null, name: string | null): ImportedUser['manager'] {
  if (id === null) return name === null ? null : { fold: fold(name) }
  if (!isUuid(id.toLowerCase())) throw new Refusal('managerId', 'must be the id of a user')
  return { id: id.toLowerCase() }
}

/** A hash wins over a password. Passwords are taken as they are: they open the account that they opened before, whatever rules new ones must keep. */
function readSecret(values: Values): Secret {
  const given = text(values, 'passwordHash')
  if (given !== null) return { kind: 'hash', stored: readHash(values, given) }
  const password = exact(values, 'password')
  if (password === null) return null
  if (password.length > longestPassword) throw new Refusal('password', `must be at most ${longestPassword} characters`)
  return { kind: 'password', password }
}

function readHash(values: Values, given: string): string {
  const salt = exact(values, 'passwordSalt')
  const template = text(values, 'passwordTemplate')
  const found = parseImportedHash(given, { ...(salt === null ? {} : { salt }), ...(template === null ? {} : { template }) })
  if ('problem' in found) throw new Refusal('passwordHash', found.problem)
  return found.stored
}

function read<T>(values: Values, field: UserField, reader: (value: unknown) => T | undefined, problem: string): T | null {
  const value = values[field]
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) return null
  const found = reader(value)
  if (found === undefined) throw new Refusal(field, problem)
  return found
}
