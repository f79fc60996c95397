import type { AnyRole } from '../../access/permissions.ts'
import { leadTexts } from '../../contact/lead-input.ts'
import type { WireRequest } from '../../http/route.ts'
import { AppError } from '../../kernel/errors.ts'

type Body = Readonly<Record<string, unknown>>

/** The body, which is an object or malformed. */
export function bodyOf({ body }: WireRequest): Body {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body
  throw new AppError('invalid', 'malformed_json', 'The body must be a JSON object.')
}

/** A number in a path. Whatever is none names nothing, like a number that nobody has. */
export const idOf = ({ params }: WireRequest): number | null => (/^[1-9]\d{0,14}$/.test(params.id ?? '') ? Number(params.id) : null)

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Fields that are called otherwise here than ours in snake case. */
const renamed = {
  status: 'leadStatus',
  assigned_user_id: 'owner',
  manager_id: 'manager',
  start_date: 'start',
  end_date: 'end',
  user_id: 'closer',
} as const

/** Every field that a body or query of this dialect may name, with our name of it. */
const known: ReadonlyMap<string, string> = new Map([
  ...Object.entries(renamed),
  ...[
    ...Object.keys(leadTexts).map(snake),
    ...['username', 'full_name', 'role', 'password', 'is_active', 'created_by', 'current_password', 'new_password', 'score', 'priority'],
  ].map((name) => [name, camel(name)] as const),
])
const theirs = new Map<string, string>([...known].map(([wire, field]) => [field, wire]))
theirs.set('managerId', 'manager_id').set('login', 'username')

/** A field's name in this dialect. */
export const wireName = (field: string): string => theirs.get(field) ?? snake(field)

/** What a body or query says, in our names. Unknown keys and those that are the server's are ignored. */
export const fieldsOf = (body: Body): Record<string, unknown> => Object.fromEntries([...known].map(([wire, field]) => [field, body[wire]]))

const roles: Partial<Record<AnyRole, string>> = {
  owner: 'admin',
  admin: 'admin',
  supervisor: 'manager',
  manager: 'manager',
  member: 'agent',
  auditor: 'auditor',
}
export const wireRole = (role: AnyRole | null): string => (role === null ? '' : (roles[role] ?? ''))

const roleWords = new Map<unknown, unknown>([
  ['admin', 'admin'],
  ['manager', 'manager'],
  ['agent', 'member'],
  [null, undefined],
  [undefined, undefined],
])
/** A role that may be given here, in our words; no role at all for a word that this dialect does not have. */
export const roleOf = (word: unknown): unknown => (roleWords.has(word) ? roleWords.get(word) : 'none')
