import type { Role } from '../../access/permissions.ts'
import { fold } from '../../kernel/entity.ts'
import { parseImportedHash } from '../../session/stored-password.ts'
import type { Item } from '../items.ts'
import type { Secret } from '../read-user.ts'
import { type Attributes, booleanOf, idOf, Problem, type Reference, referenceOf, textOf, timeOf, wordOf } from './old-values.ts'

/** A user as the old installation had it. */
export type OldUser = {
  row: number
  id: number | null
  legacyId: string
  username: string
  fold: string
  role: Role
  email: string | null
  fullName: string | null
  isActive: boolean
  createdAt: string | null
  manager: Reference
  secret: Secret
}

const longest = { username: 200, name: 1000 }

const roleOf: Readonly<Record<string, Role>> = { admin: 'admin', manager: 'manager', agent: 'member' }

/** Reads one item, or says what is wrong with it first. */
export function readOldUser(item: Item): OldUser | { row: number; problem: string } {
  const { row } = item
  if ('problem' in item) return item
  try {
    const { value } = item
    const id = idOf(value)
    const username = readUsername(value)
    return {
      row,
      id,
      // an item without an id is known again by its name
      legacyId: id === null ? `vantagepoint:name:${fold(username)}` : legacyIdOf(id),
      username,
      fold: fold(username),
      role: readRole(value),
      email: textOf(value, 'email'),
      fullName: textOf(value, 'full_name'),
      isActive: booleanOf(value, 'is_active') ?? true,
      createdAt: timeOf(value, 'created_at'),
      manager: referenceOf(value, 'manager_id'),
      secret: readSecret(value),
    }
  } catch (error) {
    if (error instanceof Problem) return { row, problem: error.message }
    throw error
  }
}

/** How a row remembers the id that it had in the old installation. */
export const legacyIdOf = (id: number): string => `vantagepoint:${id}`

function readUsername(from: Attributes): string {
  const username = textOf(from, 'username')
  if (username === null || username.trim() === '') throw new Problem('username is required')
  if (username.length > longest.username) throw new Problem(`username has more than ${longest.username} characters`)
  if (/\p{Cc}/u.test(username)) throw new Problem('username holds control characters')
  return username
}

function readRole(from: Attributes): Role {
  const word = wordOf(from, 'role')
  if (word === null) throw new Problem('role is required')
  const role = Object.hasOwn(roleOf, word) ? roleOf[word] : undefined
  if (role === undefined) throw new Problem('role must be admin, manager or agent')
  return role
}

/** A digest wins over a password, and is one form only: SHA-256 without salt. */
function readSecret(from: Attributes): Secret {
  const hash = textOf(from, 'password_hash')
  if (hash === null) {
    const password = textOf(from, 'password')
    return password === null ? null : { kind: 'password', password }
  }
  const found = /^[0-9a-f]{64}$/i.test(hash) ? parseImportedHash(hash) : { problem: '' }
  if ('problem' in found) throw new Problem('password_hash must be 64 hexadecimal digits')
  return { kind: 'hash', stored: found.stored }
}
